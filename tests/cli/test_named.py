"""The study that is named before all flags."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bs_study import StudyConfig, open_study
from bs_study.cli.asked import what_is_asked
from bs_study.cli.flags import parse_flags
from bs_study.config.shipped import shipped_studies
from tests.grid_command import command_in_this_process

OWN = ("--batch-sizes", "4", "--lrs", "0.1")
TASK = """
from toy_parts import Line

class Task(Line):
    name = "own_task"
"""


def config_of(*words: str) -> StudyConfig:
    return what_is_asked(parse_flags(words)).config


@pytest.mark.parametrize("name", shipped_studies())
def test_a_study_that_ships_is_found_by_name_and_where_it_lay_in_a_clone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert config_of(name) == config_of("--config", f"sweeps/{name}.yaml") == config_of(f"sweeps/{name}.yaml")


def test_a_yaml_file_is_the_study_and_flags_override_it(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("{workload: mnist, batch_sizes: [8], lrs: [0.1], max_iterations: 1}")
    assert config_of(str(file)) == config_of("--config", str(file))
    assert config_of(str(file), "--lrs", "0.5").lrs == (0.5,)


@pytest.mark.parametrize("name", ["mine:Mine", "mine.py:Mine", "a folder/mine.py:Mine"])
def test_a_workload_is_the_study_with_the_defaults(name: str) -> None:
    assert config_of(name, *OWN) == config_of("--workload", name, *OWN)


@pytest.mark.parametrize(("name", "right"), [("my_task", "my_task.py:MyTask"), ("my_task.MyTask", "my_task:MyTask")])
def test_a_workload_without_its_class_is_told_with_it(
    name: str, right: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    Path("my_task.py").write_text("class MyTask: pass\n")
    assert command_in_this_process()([name]) == 2
    assert f"Write {right}" in capsys.readouterr().err


def test_a_study_that_ships_may_be_given_its_own_workload() -> None:
    assert config_of("mnist_recipes", "--workload", "mnist") == config_of("mnist_recipes")


def test_flags_may_be_typed_with_underscores_and_values_with_an_equals_sign() -> None:
    assert config_of("--batch_sizes", "4", "8", "--max_iterations=5").batch_sizes == (4, 8)
    assert config_of("--name=a_b").name == "a_b"


def test_a_study_that_has_begun_is_no_name_and_the_way_to_go_on_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "study.json").touch()
    assert command_in_this_process()([str(tmp_path)]) == 2
    assert f"--resume {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize("way", ["local", "ray"])
def test_a_class_in_a_file_of_another_folder_is_trained_there_and_on_ray(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    toy = Path(__file__).parents[1] / "toy" / "toy_workloads.py"
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / f"own_{way}.py").write_text(TASK.replace("toy_parts", f"toy_parts_{way}"))
    (folder / f"toy_parts_{way}.py").write_text(toy.read_text())
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr("sys.path", [*sys.path])
    flags = (
        *("--batch-sizes", "32", "--lrs", "0.02", "--max-iterations", "20", "--min-iterations", "0"),
        "--no-timing",
    )
    words = [f"../code/own_{way}.py:Task", *flags, *(["--local"] if way == "local" else ["--address", "local"])]
    assert command_in_this_process()(words) == 0, capsys.readouterr()
    assert open_study("results/own_task").trials()["status"].tolist() == ["completed"]
