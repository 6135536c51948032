"""Hostile ids and files of a store: nothing is read outside it, and damage costs its own rows at most."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bs_study import analyse, open_study
from bs_study.config.asked import FIELDS
from bs_study.store.check.study import problems
from bs_study.store.paths import StudyPaths, study_paths
from tests.faults.hostile import config_or_refusal, quick, refused_in_one_line
from tests.faults.small_studies import PER_TRIAL, TABLES, small_study, trial_files


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
        analyse(study)
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


@given(changes=st.dictionaries(st.sampled_from(sorted(FIELDS)), json_values, min_size=1, max_size=3))
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
