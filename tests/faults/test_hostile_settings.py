"""Hostile settings and names: a config, or a refusal in one line; nothing is executed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from bs_study.cli.asked import read_yaml
from bs_study.config.asked import FIELDS, asked
from bs_study.grid import study_trials
from tests.faults.hostile import GRID, config_or_refusal, quick, refused_in_one_line

numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([10**30, -(10**30), 1e308, 5e-324, 0, True]))
scalars = st.one_of(numbers, st.none(), st.booleans(), st.text(max_size=20), st.dates(), st.binary(max_size=5))
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
names = st.sampled_from(sorted(FIELDS)) | st.text(max_size=10)


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
    config_or_refusal(lambda: asked(GRID | read_yaml(file)).config)
    assert not Path("executed").exists()


@given(content=st.binary(max_size=200))
@quick
def test_any_bytes_are_a_config_or_are_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "study.yaml"
    file.write_bytes(content)
    config_or_refusal(lambda: asked(GRID | read_yaml(file)).config)


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
    for read in (lambda: asked(GRID | given).config, lambda: asked(GRID | read_yaml(file)).config):
        config = config_or_refusal(read)
        for trial in study_trials(config) if config else ():
            integers = [value for value in trial.model_dump().values() if isinstance(value, int)]
            assert all(value < 2**63 for value in integers)
            assert re.fullmatch(r"b\d+-lr[-+.e\d]+-s\d+-[0-9a-f]{16}", trial.trial_id)


HOSTILE_NAMES = [
    *("../x", "..", ".", "", "/etc", "a/b", "a\\b", "~", "~root", "s3://x", "file:///x", "a\0b", "a\nb", " ", "a "),
    *("x" * 101, "x" * 300, "ünïcode", "\u202ecod", "名前", "\ud800", "a?b=c", "*", "$HOME", "<script>", "-rf"),
    *("name.", "a..", "CON", "con", "NUL", "nul.txt", "COM1", "LPT9.x", "AUX", "PRN", "COM¹"),
]
HARMLESS_NAMES = ["study.lock", "a-b_c.d", "x" * 100, "0", "CONSOLE", "COM10", "nullable"]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_studys_name_that_leads_elsewhere_or_that_a_system_reserves_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name") as caught:
        asked(GRID | {"name": name})
    assert refused_in_one_line(str(caught.value))


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_a_harmless_name_is_taken(name: str) -> None:
    assert asked(GRID | {"name": name}).config.name == name


@given(name=st.text(max_size=300))
@quick
def test_a_name_that_is_taken_is_a_folder_right_in_the_store(tmp_path: Path, name: str) -> None:
    config = config_or_refusal(lambda: asked(GRID | {"name": name}).config)
    if config:
        assert (tmp_path / str(config.name)).resolve().parent == tmp_path.resolve()
