"""`bs-study import`: a file of runs becomes a study that every other command reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from bs_study import analyse, open_study
from bs_study.cli.main import main
from bs_study.report.answer_json import answer_json
from bs_study.report.cell_points import cell_points
from bs_study.report.setup import settings
from bs_study.target import Target
from tests.grid_command import is_one_line_that_tells
from tests.importing.conftest import Import

SIZES = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
STEPS = {
    "85M": (46000, 23000, 13282, 7000, 3840, 2528, 1917, 1600, 1600),
    "302M": (196000, 90000, 46000, 23400, 13300, 7224, 4980, 3400, 2879),
    "1.2B": (642000, 331000, 176000, 94000, 46500, 25000, 15360, 8900, 6500),
}
"""Steps to a validation loss by model, of Zhang et al. (2024), How Does Critical Batch Size Scale in Pre-training?"""


def published(folder: Path, steps: tuple[int, ...]) -> str:
    rows = [f"{size},{0.001 * (size / 64) ** 0.5:.4g},{step}" for size, step in zip(SIZES, steps, strict=True)]
    (folder / "runs.csv").write_text("\n".join(["batch_size,lr,steps", *rows]))
    return "runs.csv"


@pytest.mark.parametrize("model", STEPS)
def test_a_published_table_gives_its_numbers_back_and_claims_nothing_that_it_does_not_hold(
    model: str, folder: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    file = published(folder, STEPS[model])
    assert imported(file, "--map", "iterations_to_target=steps", target="loss<=3.24") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "seconds: not known" in printed.out
    assert "Next:" not in printed.out
    found = analyse(open_study("results/old"))
    cells = found.tables.convergence.set_index("batch_size")
    assert dict(cells["iterations_to_target"]) == dict(zip(SIZES, STEPS[model], strict=True))
    assert list(cells["examples_to_target"]) == [s * b for s, b in zip(STEPS[model], SIZES, strict=True)]
    assert not cells["is_at_most"].any()
    assert cells["train_seconds_to_target"].isna().all()
    assert found.best_cell is None
    assert {verdict.outcome for verdict in found.verdicts} == {"undecided"}
    assert found.tables.scaling["add_lr_1"].isna().all()
    assert found.rows is not None
    assert found.rows.state.left == 0  # cells of the grid that no run has were never asked for
    assert main(["check", "results/old"]) == 0


def test_what_runs_do_not_tell_is_null_and_the_page_shows_no_setting_of_ours(folder: Path, imported: Import) -> None:
    imported(published(folder, STEPS["85M"]), "--map", "iterations_to_target=steps")
    trials = open_study("results/old").trials()
    unknown = ["optimizer", "momentum", "precision", "train_seconds", "compute_seconds", "device", "peak_memory_bytes"]
    assert trials[[name for name in unknown if name in trials]].isna().all(axis=None)
    found = analyse(open_study("results/old"))
    assert found.tables.convergence["effective_lr"].isna().all()
    assert answer_json(found)["search"] is None
    assert cell_points(found.tables.convergence, [], clock="train_seconds") == []
    told = settings(open_study("results/old"))
    assert told.pop("imported from") == "runs.csv"
    assert set(told) == {"target", "batch_sizes", "lrs", "seeds"}


def test_an_imported_study_answers_another_target_and_can_t_be_trained_on(
    folder: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        f"r{size}-{seed},{size},0.1,{seed},{step},{step * 0.1},{2 - step / 100:.3f}"
        for size in (8, 16)
        for seed in (0, 1)
        for step in range(10 * seed + 5, 200, 5)
    ]
    (folder / "runs.csv").write_text("\n".join(["run,batch_size,lr,seed,iteration,seconds,loss", *rows]))
    assert imported("runs.csv") == 0
    assert main(["report", "results/old", "--target", "loss<=0.5"]) == 0
    assert {step.kind for step in analyse(open_study("results/old")).recommendation.steps} <= {"target"}
    assert open_study("results/old").config.settings.target == Target.parse("loss<=1")
    capsys.readouterr()
    for words in (["run", "--resume", "results/old"], ["time", "--resume", "results/old"]):
        assert main([*words, "--local"]) == 2
        assert is_one_line_that_tells(capsys.readouterr().err, ("resume", "results/old", "imported"))


def test_a_study_that_is_there_stays_as_it_is(
    folder: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    file = published(folder, STEPS["85M"])
    imported(file, "--map", "iterations_to_target=steps")
    before = Path("results/old/study.json").read_bytes()
    capsys.readouterr()
    assert imported(file, "--map", "iterations_to_target=steps") == 2
    assert is_one_line_that_tells(capsys.readouterr().err, ("study", "'old'"))
    assert Path("results/old/study.json").read_bytes() == before


def test_of_an_import_that_can_t_be_written_nothing_stays(
    folder: Path, imported: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bs_study.importing.study.commit_whole", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        imported(published(folder, STEPS["85M"]), "--map", "iterations_to_target=steps")
    assert not Path("results/old").exists()
