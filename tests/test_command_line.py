from __future__ import annotations

import io
from pathlib import Path

import pytest

from bs_study import StudyConfig
from bs_study.cli.asked import what_is_asked
from bs_study.cli.flags import parse_flags
from bs_study.config import LaunchOptions
from bs_study.config.asked import FIELDS
from bs_study.config.launch import flags_of
from bs_study.workloads.built_in import BUILT_IN
from tests.grid_command import command_in_this_process


def config_of(*arguments: str) -> StudyConfig:
    return what_is_asked(parse_flags(arguments)).config


def options_of(*arguments: str) -> LaunchOptions:
    return what_is_asked(parse_flags(arguments)).options


def refusal(*arguments: str) -> str:
    with pytest.raises(ValueError, match=r"\S") as caught:
        config_of(*arguments)
    return str(caught.value)


def test_no_flags_at_all_ask_for_the_embedded_digits_study_of_at_least_5_batch_sizes_and_4_lrs() -> None:
    config = config_of()
    assert config.settings.workload == "digits"
    assert len(config.batch_sizes) >= 5
    assert len(config.lrs) >= 4


def test_the_shipped_mnist_study_spans_its_batch_sizes_and_doubles_its_lrs_from_0_0025_to_0_64() -> None:
    config = config_of("mnist")
    assert config.batch_sizes == (1, 6, 60, 600, 6000, 60000)
    assert config.lrs == tuple(0.0025 * 2**k for k in range(9))
    assert 0.02 in config.lrs


def test_flags_override_the_file_and_the_file_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("batch_sizes: [4, 8]\nlrs: [0.1]\nmax_iterations: 5\nmomentum: 0.9\n")
    config = config_of("--config", str(file), "--batch-sizes", "6", "60", "--lrs", "0.02", "--name", "try1")
    assert (config.batch_sizes, config.lrs, config.name) == ((6, 60), (0.02,), "try1")
    assert (config.settings.momentum, config.settings.max_iterations, config.settings.optimizer) == (0.9, 5, "sgd")


def test_a_flag_given_with_its_default_value_still_overrides_the_file(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("batch_sizes: [4]\nlrs: [0.1]\nmax_iterations: 5\nmomentum: 0.9\nstop_at_target: false\n")
    config = config_of("--config", str(file), "--momentum", "0.5", "--stop-at-target")
    assert (config.settings.momentum, config.settings.stop_at_target) == (0.5, True)


def test_a_list_in_the_file_is_an_axis_and_a_flag_takes_its_place(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(
        "batch_sizes: [4]\nlrs: [0.1]\nmax_iterations: 5\nmomentum: [0.5, 0.9]\nrecipes: [{lr_decay: linear}]\n"
    )
    assert [c.momentum for c in config_of("--config", str(file)).each_recipe()] == [0.5, 0.9]
    assert [c.momentum for c in config_of("--config", str(file), "--momentum", "0.7").each_recipe()] == [0.7]
    assert "recipes set it" in refusal("--config", str(file), "--lr-decay", "cosine")


def test_recipes_are_typed_as_in_the_file() -> None:
    grid = ("--search", "grid", "--batch-sizes", "4", "--lrs", "0.1", "--max-epochs", "5")
    config = config_of(*grid, "--recipes", "{}", "{lr_warmup_epochs: 1, lr_decay: cosine}")
    assert [(c.lr_warmup_epochs, c.lr_decay) for c in config.each_recipe()] == [(0, "none"), (1, "cosine")]
    assert refusal(*grid, "--recipes", "cosine").startswith("--recipes: 'cosine'")


def test_the_shipped_study_of_recipes_compares_five_on_large_batches() -> None:
    config = config_of("mnist_recipes")
    assert len(config.each_recipe()) == 5
    assert min(config.batch_sizes) > 256
    assert len(config.seeds) > 1


def test_the_timing_pass_is_turned_on_or_off_by_a_bare_flag_and_else_left_open() -> None:
    assert [options_of(*flags).timing for flags in ((), ("--timing",), ("--no-timing",))] == [None, True, False]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"local": True, "timing": False, "max_failures": 0, "trial_timeout": 2.5},
        {"address": "auto", "timing": True, "gpus_per_trial": 0.5, "max_concurrent": 3, "data_dir": "a folder/b"},
    ],
)
def test_the_flags_that_stand_for_launch_options_give_them_back(options: dict[str, object]) -> None:
    given = LaunchOptions.model_validate(options)
    assert options_of(*flags_of(given)) == given


def test_a_workload_of_ones_own_starts_from_the_defaults_not_from_a_shipped_study() -> None:
    flags = ("--workload", "mine:Mine", "--batch-sizes", "4", "--lrs", "0.1", "--max-epochs", "2")
    config = config_of(*flags)
    assert (config.settings.workload, config.settings.max_iterations, config.settings.max_epochs) == (
        "mine:Mine",
        None,
        2,
    )


def test_a_workload_of_ones_own_without_a_budget_gets_ten_epochs() -> None:
    flags = ("--workload", "mine:Mine", "--batch-sizes", "4", "--lrs", "0.1")
    assert config_of(*flags).settings.max_epochs == 10
    assert config_of(*flags, "--max-train-seconds", "5").settings.max_epochs is None


def test_a_check_needs_no_grid_but_refuses_a_wrong_one() -> None:
    assert config_of("--workload", "mine:Mine", "--check").settings.workload == "mine:Mine"
    assert "batch_sizes" in refusal("--workload", "mine:Mine", "--check", "--batch-sizes", "0")


@pytest.mark.parametrize("workload", BUILT_IN)
def test_each_workload_that_ships_has_a_study(workload: str) -> None:
    config = config_of("--workload", workload)
    assert config.settings.workload == workload
    assert len(config.batch_sizes) >= 4
    assert len(config.lrs) >= 4
    assert config.settings.has_counted_budget


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("batchsizes: [4]", "'batch_sizes'"),
        ("batch-sizes: [4]", "'batch_sizes'"),
        ("max_iteration: 4", "'max_iterations'"),
        ("[1, 2]", "list"),
        ("lrs: [0.1", "YAML"),
        ("- !!python/object/apply:os.getcwd []", "YAML"),
        ("\xff", "one 'setting: value' per line"),
    ],
)
def test_a_file_with_an_error_is_refused_in_a_line_that_names_it(tmp_path: Path, content: str, told: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(content)
    text = refusal("--config", str(file))
    assert str(file) in text
    assert told in text


def test_a_file_that_is_not_there_is_named() -> None:
    assert "nowhere.yaml" in refusal("--config", "nowhere.yaml")


@pytest.mark.parametrize(("flag", "meant"), [("--batch-size", "--batch-sizes"), ("--dryrun", "--dry-run")])
def test_an_unknown_flag_is_refused_with_the_nearest_right_one(flag: str, meant: str) -> None:
    assert meant in refusal(flag, "4")


@pytest.mark.parametrize(("flag", "value"), [("--batch-sizes", "four"), ("--lrs", "fast"), ("--optimizer", "sgdm")])
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_value_that_is_none_of_its_kind_is_refused_with_its_flag_and_itself(
    flag: str, value: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    text = refusal(flag, value)
    assert text.startswith(f"{flag}: {value!r} can't be read as ")
    assert text.endswith(". See --help")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--batch-sizes", "9" * 5_000),
        ("--lrs", "x" * 5_000),
        ("--target", "9" * 5_000),
        ("--target", "a b c " * 1_000),
        ("--name", "9" * 5_000),
        ("--recipes", "{" + "9" * 5_000),
        ("--recipes", "{momentum: " + "9" * 5_000 + "}"),
        ("--optimizer", "9" * 5_000),
        ("--config", "nowhere/" * 100),
        ("--store", "s3:/" + "x" * 5_000),
    ],
)
def test_a_value_longer_than_200_characters_is_shortened_in_the_line_that_refuses_it(
    arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_in_this_process()(["--dry-run", *arguments]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "…" in line
    assert len(line) < 680


def test_help_shows_every_setting_once_with_its_default(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as ended:
        parse_flags(["--help-all"])
    shown = " ".join(capsys.readouterr().out.replace("[no-]", "").split())
    assert ended.value.code == 0
    settings = {name: f"--{name.replace('_', '-')} " for name in FIELDS}
    assert [flag for flag in settings.values() if flag not in shown] == []
    # No default: the grid, which a file or the user gives, and what has a default only through another setting.
    assert shown.count("(default:") >= len(settings) - 4
    assert "(default: sgd)" in shown
    assert "(default: 1000)" in shown


@pytest.mark.parametrize("flag", ["--resume", "--config", "--name", "--store", "--workload", "--data-dir", "--lrs"])
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_value_is_refused_with_its_flag_and_not_taken_for_none_given(flag: str, empty: str) -> None:
    for arguments in (["--local", flag, empty], [f"{flag}={empty}", "--local"], [flag, "1", empty]):
        with pytest.raises(ValueError, match=f"^{flag}: a value is empty"):
            parse_flags(arguments)


@pytest.mark.parametrize("name", ["data_dir", "store", "address", "target", "name", "workload"])
def test_an_empty_value_in_a_file_is_refused_with_its_key(tmp_path: Path, name: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(f'{name}: " "\nbatch_sizes: [4]\nlrs: [0.1]\nmax_epochs: 1\n')
    with pytest.raises(ValueError, match=f"^{name}: ' ' is empty"):
        what_is_asked(parse_flags(["--config", str(file)]))


def test_a_shipped_file_is_found_from_another_folder_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config_of("--config", "sweeps/mnist.yaml").settings.workload == "mnist"
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "mnist.yaml").write_text("{batch_sizes: [8], lrs: [0.1], max_iterations: 1}")
    assert config_of("--config", "sweeps/mnist.yaml").batch_sizes == (8,)
