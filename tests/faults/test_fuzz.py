"""Hostile input: no crash without a clear line, nothing read or written outside the store, nothing executed."""

from __future__ import annotations

import json
import re
import shutil
import warnings
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bs_study import StudyConfig, open_study
from bs_study.analysis.tables import study_tables
from bs_study.command_line import checked_config, read_yaml
from bs_study.grid import study_trials
from bs_study.report.page import write_report
from bs_study.store.check import problems
from bs_study.store.paths import StudyPaths, study_paths
from tests.faults.small_studies import PER_TRIAL, TABLES, small_study, trial_files

quick = settings(
    derandomize=True,
    deadline=None,
    max_examples=50,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# ---------------------------------------------------------------- config and YAML

numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([10**30, -(10**30), 1e308, 5e-324, 0, True]))
scalars = st.one_of(numbers, st.none(), st.booleans(), st.text(max_size=20), st.dates(), st.binary(max_size=5))
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
names = st.sampled_from(sorted(StudyConfig.model_fields)) | st.text(max_size=10)
GRID = {"batch_sizes": [4, 8], "lrs": [0.1, 0.2], "max_iterations": 5}


def refused_in_one_line(text: str) -> bool:
    return bool(text.strip()) and len(text.splitlines()) == 1


def config_or_refusal(read: Any) -> StudyConfig | None:
    refusal = ""
    try:
        config: StudyConfig = read()
    except ValueError as error:
        refusal = str(error)
    else:
        return config
    assert refused_in_one_line(refusal), repr(refusal)
    return None


@given(text=st.text(max_size=200))
@example(text="[" * 1_500)
@example(text="lrs: " + "9" * 5_000)
@example(text="name: 2020-13-45")
@example(text="lrs: !!int x")
@example(text="? [a]\n: b")
@example(text="a: &x [*x]")
@example(text="lrs: !!python/object/apply:os.system [touch executed]")
@example(text="x: !!timestamp 99999-01-01\n")
@example(text='"a\\nb": 1')
@example(text="name: \ud800")
@quick
def test_any_text_is_a_config_or_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    config_or_refusal(lambda: checked_config(GRID | read_yaml(file)))
    assert not Path("executed").exists()


@given(content=st.binary(max_size=200))
@quick
def test_any_bytes_are_a_config_or_are_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "study.yaml"
    file.write_bytes(content)
    config_or_refusal(lambda: checked_config(GRID | read_yaml(file)))


@given(given=st.dictionaries(names, values, max_size=3))
@example(given={"lrs": [1e308], "lr_rule": "linear", "base_batch_size": 1})
@example(given={"lrs": [5e-324], "lr_rule": "sqrt", "base_batch_size": 10**9})
@example(given={"max_iterations": 10**30})
@example(given={"a\nb": 1})
@example(given={"target": "accuracy>=1e999"})
@quick
def test_any_settings_make_trials_that_can_be_recorded_or_are_refused_in_one_line(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(given), encoding="utf-8", errors="surrogatepass")
    for read in (lambda: checked_config(GRID | given), lambda: checked_config(GRID | read_yaml(file))):
        config = config_or_refusal(read)
        for trial in study_trials(config) if config else ():
            integers = [value for value in trial.model_dump().values() if isinstance(value, int)]
            assert all(value < 2**63 for value in integers)
            assert re.fullmatch(r"b\d+-lr[-+.e\d]+-s\d+-[0-9a-f]{6}", trial.trial_id)


# ---------------------------------------------------------------- names of studies and trials

HOSTILE_NAMES = [
    *("../x", "..", ".", "", "/etc", "a/b", "a\\b", "~", "~root", "s3://x", "file:///x", "a\0b", "a\nb", " ", "a "),
    *("x" * 101, "x" * 300, "ünïcode", "\u202ecod", "名前", "\ud800", "a?b=c", "*", "$HOME", "<script>", "-rf"),
    *("name.", "a..", "CON", "con", "NUL", "nul.txt", "COM1", "LPT9.x", "AUX", "PRN", "COM¹"),
]
HARMLESS_NAMES = ["study.lock", "a-b_c.d", "x" * 100, "0", "CONSOLE", "COM10", "nullable"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_studys_name_that_leads_elsewhere_or_that_a_system_reserves_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name") as caught:
        checked_config(GRID | {"name": name})
    assert refused_in_one_line(str(caught.value))


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_a_harmless_name_is_taken(name: str) -> None:
    assert checked_config(GRID | {"name": name}).name == name


@given(name=st.text(max_size=300))
@quick
def test_a_name_that_is_taken_is_a_folder_right_in_the_store(tmp_path: Path, name: str) -> None:
    config = config_or_refusal(lambda: checked_config(GRID | {"name": name}))
    if config:
        assert (tmp_path / str(config.name)).resolve().parent == tmp_path.resolve()


@pytest.fixture
def store(tmp_path: Path) -> tuple[StudyPaths, Path]:
    """A study, and beside it a file that no reader of the study may open."""
    paths = small_study(tmp_path / "store" / "study")
    outside = tmp_path / "store" / "outside.parquet"
    shutil.copy(trial_files(paths, "trials")[0], outside)
    return paths, outside


HOSTILE_TRIALS = [
    "../../outside",
    "../iterations/x",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a\0b",
    "x" * 300,
    "ü" * 200,
    "\ud800",
]


@pytest.mark.parametrize("trial_id", [*HOSTILE_TRIALS, "\ud800"])
def test_a_trial_id_that_leads_elsewhere_reads_nothing(store: tuple[StudyPaths, Path], trial_id: str) -> None:
    paths, outside = store
    hostile = trial_id.replace("../../outside", str(outside.with_suffix("")))
    study = open_study(paths.root, live=True)
    for name in (trial_id, hostile):
        assert len(study.trials(trial_id=name)) == 0
        assert len(study.iterations(trial_id=[name])) == 0


@given(trial_id=st.text(max_size=300))
@quick
def test_any_trial_id_reads_nothing_unless_it_is_a_trials(store: tuple[StudyPaths, Path], trial_id: str) -> None:
    assert len(open_study(store[0].root, live=True).iterations(trial_id=trial_id)) == 0


# ---------------------------------------------------------------- the store's files

edits = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> StudyPaths:
    return small_study(tmp_path_factory.mktemp("sound") / "study")


def copy_of(sound: StudyPaths, tmp_path: Path) -> StudyPaths:
    folder = tmp_path / "study"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound.root, folder)
    return study_paths(folder)


def read_around(paths: StudyPaths, damaged: Path, sound_trial: str) -> None:
    """Read all tables; the sound trial is whole, and what is raised or told names the damaged file."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        study = open_study(paths.root, live=True)
        for table in TABLES:
            rows = getattr(study, table)()
            assert (rows["trial_id"] == sound_trial).sum() >= PER_TRIAL[table]
    assert all(damaged.name in str(warning.message) for warning in told)
    complaint = strict_complaint(paths, damaged.parent.name)
    assert complaint is None or damaged.name in complaint


def strict_complaint(paths: StudyPaths, table: Any) -> str | None:
    try:
        open_study(paths.root, strict=True).scan(table)
    except ValueError as error:
        return str(error)
    return None


@given(table=st.sampled_from(TABLES), edits=edits)
@settings(quick, max_examples=80)
def test_changed_bytes_of_a_parquet_file_cost_its_own_rows_at_most(
    sound: StudyPaths, tmp_path: Path, table: Any, edits: list[tuple[float, int]]
) -> None:
    paths = copy_of(sound, tmp_path)
    damaged, other = trial_files(paths, table)
    content = bytearray(damaged.read_bytes())
    for place, byte in edits:
        content[int(place * len(content))] = byte
    damaged.write_bytes(content)
    read_around(paths, damaged, other.stem)
    assert all("\n" not in problem for problem in problems(paths))


@given(table=st.sampled_from(TABLES), share=st.floats(0, 1, exclude_max=True))
@quick
def test_a_parquet_file_cut_anywhere_is_told_and_costs_its_own_rows(
    sound: StudyPaths, tmp_path: Path, table: Any, share: float
) -> None:
    paths = copy_of(sound, tmp_path)
    damaged, other = trial_files(paths, table)
    damaged.write_bytes(damaged.read_bytes()[: int(share * damaged.stat().st_size)])
    with pytest.warns(UserWarning, match=damaged.name):
        rows = getattr(open_study(paths.root), table)()
    assert rows["trial_id"].tolist() == [other.stem] * PER_TRIAL[table]
    assert [problem for problem in problems(paths) if damaged.name in problem]


def ask_everything(paths: StudyPaths) -> None:
    """Open a study with a study.json of any content, and ask all that the report asks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = open_study(paths.root)
        config_or_refusal(lambda: study.config)
        study_tables(study)
        assert len(study.iterations()) == 20
    assert all(refused_in_one_line(problem) for problem in problems(paths))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
json_keys = st.sampled_from(["study", "schema_version", "created", "metrics", "train_examples", "config"])


@given(changes=st.dictionaries(json_keys, json_values, min_size=1, max_size=3))
@settings(quick, max_examples=15)
def test_any_values_in_study_json_leave_the_tables_readable_and_the_config_told(
    sound: StudyPaths, tmp_path: Path, changes: dict[str, Any]
) -> None:
    paths = copy_of(sound, tmp_path)
    asked = json.loads(paths.read(paths.study_json))
    Path(paths.study_json).write_text(json.dumps(asked | changes))
    ask_everything(paths)


@given(changes=st.dictionaries(st.sampled_from(sorted(StudyConfig.model_fields)), json_values, min_size=1, max_size=3))
@settings(quick, max_examples=15)
def test_any_config_in_study_json_leaves_the_tables_readable_and_the_config_told(
    sound: StudyPaths, tmp_path: Path, changes: dict[str, Any]
) -> None:
    paths = copy_of(sound, tmp_path)
    asked = json.loads(paths.read(paths.study_json))
    Path(paths.study_json).write_text(json.dumps(asked | {"config": asked["config"] | changes}))
    ask_everything(paths)


@given(content=st.binary(max_size=100))
@settings(quick, max_examples=15)
def test_any_bytes_as_study_json_leave_the_tables_readable(sound: StudyPaths, tmp_path: Path, content: bytes) -> None:
    paths = copy_of(sound, tmp_path)
    Path(paths.study_json).write_bytes(content)
    ask_everything(paths)


# ---------------------------------------------------------------- the page

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}{% raw %}'\"]]>&"


class Elements(HTMLParser):
    """Collects the tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def assert_nothing_foreign(page: str, *, own: str) -> None:
    """The page holds the tags that a harmless study's page holds, and no handler, source or link from elsewhere."""
    scripts = [tag for tag, _ in Elements(page).found if tag == "script"]
    assert len(scripts) == len([tag for tag, _ in Elements(own).found if tag == "script"])
    assert "<script>alert" not in page
    for tag, attributes in Elements(page).found:
        assert [name for name in attributes if name.startswith("on")] == []
        assert (attributes.get("src") or "data:").startswith("data:"), tag
        assert (attributes.get("href") or "#").startswith(("#", "data:", "tables/", "figures/")), attributes


def report(paths: StudyPaths) -> str:
    write_report(open_study(paths.root))
    return Path(paths.root, "report", "report.html").read_text()


@pytest.fixture(scope="module")
def own_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return report(small_study(tmp_path_factory.mktemp("own") / "study"))


def everything_in(folder: Path) -> set[Path]:
    return {file for file in folder.rglob("*") if "report" not in file.relative_to(folder).parts}


@pytest.mark.parametrize(
    ("name", "message", "metrics"),
    [
        ("study", SCRIPT, ["accuracy", "loss"]),
        (SCRIPT.replace("/", ""), None, ["accuracy", "loss"]),
        ("study", None, [SCRIPT, "../../../outside", "accuracy", "loss"]),
        ("study", "\x00\x1b[31m\u202e\n\n" * 50, ["loss", "a\nb", "", " ", "ü" * 300]),
    ],
)
def test_script_in_a_studys_name_a_message_or_a_metric_is_shown_and_not_run(
    tmp_path: Path, own_page: str, name: str, message: str | None, metrics: list[str]
) -> None:
    paths = small_study(tmp_path / "store" / name, metrics=metrics, message=message)
    before = everything_in(tmp_path)
    assert_nothing_foreign(report(paths), own=own_page)
    assert everything_in(tmp_path) == before


def test_script_in_study_json_is_shown_and_not_run(tmp_path: Path, own_page: str) -> None:
    paths = small_study(tmp_path / "study")
    asked = json.loads(paths.read(paths.study_json))
    config = dict.fromkeys(asked["config"], SCRIPT)
    Path(paths.study_json).write_text(json.dumps(dict.fromkeys(asked, SCRIPT) | {"config": config}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_nothing_foreign(report(paths), own=own_page)
