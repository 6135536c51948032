"""YAML is read as version 1.2 has it, and what is more than settings is refused at once, in a line that tells where."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest

from bs_study.cli.asked import read_yaml, what_is_asked
from bs_study.cli.flags import parse_flags
from bs_study.config.yaml_text import MOST_BYTES, parsed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[010, 0o10, 0x10, -7, +7]", [10, 8, 16, -7, 7]),
        ("[1:30, 190:20:30.15, 0b11, 1_000]", ["1:30", "190:20:30.15", "0b11", "1_000"]),
        ("[1e-3, 1E3, .5, 5., 1.5e+2]", [0.001, 1000.0, 0.5, 5.0, 150.0]),
        ("[true, True, FALSE, yes, No, on, OFF, y]", [True, True, False, "yes", "No", "on", "OFF", "y"]),
        ("[null, ~, Null]", [None, None, None]),
        ("[2020-01-01, '010', \"1\"]", ["2020-01-01", "010", "1"]),
        ("[-.inf, .INF]", [-math.inf, math.inf]),
        ("!!str 010", "010"),
        ("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("", None),
    ],
)
def test_a_value_is_what_yaml_1_2_says(text: str, value: Any) -> None:
    found = parsed(text)
    assert found == value
    assert repr(found) == repr(value)  # tells 1 from 1.0 and True


LAUGHS = "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)
)
MERGED_LAUGHS = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 30)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lrs: [0.1]\nmomentum: 0.9\nlrs: [0.2]", "gives 'lrs' twice, in lines 1 and 3"),
        ("lrs: [0.1]\n'lrs': [0.2]", "gives 'lrs' twice"),
        ("recipes:\n- {momentum: 0, momentum: 0.9}", "gives 'momentum' twice, in line 2"),
        ("a: &x {b: 1, b: 2}\nc: {<<: *x}", "gives 'b' twice"),
        (LAUGHS, "more than 10,000 values by line 5"),
        (MERGED_LAUGHS, "more than 10,000 values by line 5"),
        ("lrs: [" + "1, " * 20_000 + "]", "more than 10,000 values by line 1"),
        (f"a: &a {'9' * 100_000}\nb: [{'*a, ' * 500}]", "more than 10,000 values by line 2"),
        ("a: &x [*x]", "*x within itself"),
        ("a: &x {b: [*x]}", "*x within itself"),
        ("[" * 1_000_000, "nests more than 50"),
        ("a: 1\n---\nb: 2", "a second document, from line 2"),
        ("a: !!python/object/apply:os.system [touch executed]", "the tag 'tag:yaml.org,2002:python/object/apply"),
        ("a: !mine 3", "the tag '!mine' in line 1"),
        ("a: !!binary aGk=", "the tag"),
        ("a: *nothing", "is no YAML: found undefined alias"),
        ("a: [1", "is no YAML: "),
    ],
)
def test_what_is_more_than_settings_is_refused_at_once_in_one_line(text: str, told: str) -> None:
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"\S") as caught:
        parsed(text)
    assert told in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert time.perf_counter() - start < 2
    assert not Path("executed").exists()


def test_a_file_of_more_than_a_megabyte_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("# " + "x" * MOST_BYTES)
    with pytest.raises(ValueError, match=r"study\.yaml is longer than 1,000,000 bytes"):
        read_yaml(file)


def config_of(tmp_path: Path, text: str) -> Any:
    file = tmp_path / "study.yaml"
    file.write_text("lrs: [1e-3]\nmax_epochs: 1\n" + text)
    return what_is_asked(parse_flags(["--config", str(file)])).config


def test_a_study_of_ten_examples_a_batch_may_be_written_010(tmp_path: Path) -> None:
    config = config_of(tmp_path, "batch_sizes: [010]\nnesterov: yes\nstop_at_target: off")
    assert (config.batch_sizes, config.lrs) == ((10,), (0.001,))
    assert (config.settings.nesterov, config.settings.stop_at_target) == (True, False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("batch_sizes: [1:30]", "batch_sizes: '1:30' "),
        ("batch_sizes: [" + "9" * 5_000 + "]", "batch_sizes: '9999"),
        ("batch_sizes: [0x" + "f" * 4_000 + "]", "batch_sizes: '0xfff"),
        ("batch_sizes: [4]\nmomentum: " + "9" * 5_000, "momentum: '9999"),
        ("batch_sizes: [4]\nlrs: [0.2]", "gives 'lrs' twice, in lines 1 and 4"),
    ],
)
def test_a_number_that_is_none_is_refused_by_its_setting_in_a_short_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as caught:
        config_of(tmp_path, text)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_recipe_on_the_command_line_is_read_in_the_same_way() -> None:
    for text, told in (("{momentum: 0, momentum: 0.9}", "gives 'momentum' twice"), (LAUGHS, "10,000 values")):
        with pytest.raises(ValueError, match="Write each as") as caught:
            parse_flags(["--recipes", text])
        assert str(caught.value).startswith("--recipes: ")
        assert told in str(caught.value)
