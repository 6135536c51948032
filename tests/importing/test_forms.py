"""What a row may be, and what is made of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bs_study import Study, import_runs, open_study
from bs_study.cli.main import main

LOOKS = [
    # iteration 0 is before the first update; training and evaluation of iteration 2 are logged apart
    {"run": "a", "bs": 8, "lr": 0.1, "step": 0, "loss": 3.0},
    {"run": "a", "bs": 8, "lr": 0.1, "step": 1, "train/loss": 2.5, "time": 1.0},
    {"run": "a", "bs": 8, "lr": 0.1, "step": 2, "train/loss": 2.0, "time": 2.0},
    {"run": "a", "bs": 8, "lr": 0.1, "step": 2, "loss": 1.0, "time": 2.5},
    {"run": "b", "bs": 8, "lr": 0.2, "step": 5, "loss": 2.0, "time": 1.0},
    {"run": "b", "bs": 8, "lr": 0.2, "step": 9, "loss": float("nan"), "time": 4.0},
    {"run": "b", "bs": 8, "lr": 0.2, "step": 12, "loss": 0.5, "time": 5.0},
    {"run": "c", "bs": 16, "lr": 0.1, "step": 40, "loss": 1.5, "time": 8.0},
]
MAP = {"batch_size": "bs", "iteration": "step", "seconds": "time", "train_loss": "train/loss"}


def written(folder: Path, ending: str) -> Path:
    file = folder / f"runs{ending}"
    frame = pd.DataFrame(LOOKS)
    if ending == ".parquet":
        frame.to_parquet(file)
    elif ending == ".csv":  # pandas would write NaN as it writes what is missing
        frame.astype(object).where(frame.notna(), "").to_csv(file, index=False)
        lines = file.read_text().splitlines()
        lines[6] = lines[6].replace("b,8,0.2,9,,", "b,8,0.2,9,NaN,")
        file.write_text("\n".join(lines))
    else:
        file.write_text("\n".join(map(json.dumps, LOOKS)))
    return file


def study_of(folder: Path, text: str, *, target: str = "loss<=1", **more: object) -> Study:
    (folder / "runs.csv").write_text(text)
    return import_runs(folder / "runs.csv", study="old", target=target, store=folder / "results", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_long_rows_are_looks_at_runs(ending: str, tmp_path: Path) -> None:
    study = import_runs(
        written(tmp_path, ending), study="old", target="loss<=1", columns=MAP, store=tmp_path / "results"
    )
    trials = study.trials().set_index(["batch_size", "lr"])
    assert trials["status"].to_dict() == {(8, 0.1): "completed", (8, 0.2): "diverged", (16, 0.1): "completed"}
    assert trials["iterations"].to_dict() == {(8, 0.1): 2, (8, 0.2): 9, (16, 0.1): 40}
    assert trials["train_seconds"].to_dict() == {(8, 0.1): 2.5, (8, 0.2): 4.0, (16, 0.1): 8.0}
    assert trials.loc[(8, 0.1), "initial_metric"] == 3.0
    losses = study.iterations()
    assert losses[["iteration", "examples", "loss"]].to_numpy().tolist() == [[1, 8, 2.5], [2, 16, 2.0]]
    looks = study.evaluations().set_index(["batch_size", "lr", "iteration"])
    assert looks.loc[(8, 0.1, 2), ["examples", "loss", "train_seconds"]].tolist() == [16, 1.0, 2.5]
    assert np.isnan(looks.loc[(8, 0.2, 9), "loss"])
    assert looks.loc[(16, 0.1, 40), "examples"] == 640
    assert main(["check", study.paths.uri]) == 0


def test_parquet_is_read_like_the_others_and_its_nulls_are_missing(tmp_path: Path) -> None:
    study = import_runs(
        written(tmp_path, ".parquet"), study="old", target="loss<=1", columns=MAP, store=tmp_path / "results"
    )
    assert study.trials()["status"].value_counts().to_dict() == {"completed": 3}  # pandas writes NaN as null


def test_iterations_follow_from_examples(tmp_path: Path) -> None:
    study = study_of(tmp_path, "run,batch_size,lr,examples,loss\na,8,0.1,80,2\na,8,0.1,160,1\n")
    assert study.evaluations()["iteration"].tolist() == [10, 20]


def test_examples_of_short_batches_are_kept(tmp_path: Path) -> None:
    study = study_of(tmp_path, "run,batch_size,lr,iteration,examples,loss\na,8,0.1,3,20,2\na,8,0.1,6,40,1\n")
    assert study.evaluations()["examples"].tolist() == [20, 40]
    assert main(["check", study.paths.uri]) == 0


def test_a_run_that_missed_the_target_is_censored_where_it_ended(tmp_path: Path) -> None:
    text = "batch_size,lr,iterations_to_target,iterations,seconds_to_target\n8,0.1,30,,6\n8,0.2,,50,\n"
    study = study_of(tmp_path, text)
    from bs_study import analyse

    cells = analyse(study).tables.convergence.set_index("lr")
    assert cells["status"].to_dict() == {0.1: "reached", 0.2: "missed"}
    assert cells.loc[0.2, "censored_iterations"] == 50
    assert cells.loc[0.1, "train_seconds_to_target"] == 6
    assert main(["check", study.paths.uri]) == 0


def test_a_final_metric_is_one_look_so_its_time_is_at_most_known(tmp_path: Path) -> None:
    study = study_of(tmp_path, "batch_size,lr,iteration,acc\n8,0.1,100,0.9\n8,0.2,100,0.7\n", target="acc>=0.8")
    from bs_study import analyse

    cells = analyse(study).tables.convergence.set_index("lr")
    assert cells["status"].to_dict() == {0.1: "reached", 0.2: "missed"}
    assert cells["is_at_most"].to_dict() == {0.1: True, 0.2: False}


def test_each_of_several_files_is_a_run_whose_settings_a_table_of_runs_gives(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("_step,_runtime,val/loss\n10,1,2\n20,2,1\n")
    (tmp_path / "two.csv").write_text("_step,_runtime,val/loss\n10,1,2\n20,2,1.5\n")
    (tmp_path / "table.csv").write_text("Name,bs,learning_rate,seed\none,8,0.1,0\ntwo,8,0.1,7\n")
    columns = {
        **{"run": "Name", "batch_size": "bs", "lr": "learning_rate"},
        **{"iteration": "_step", "seconds": "_runtime", "loss": "val/loss"},
    }
    study = import_runs(
        [tmp_path / "one.csv", tmp_path / "two.csv"],
        study="old",
        target="loss<=1",
        columns=columns,
        runs=tmp_path / "table.csv",
        store=tmp_path / "results",
    )
    trials = study.trials()
    assert sorted(trials["seed"]) == [0, 7]
    assert trials["iterations"].tolist() == [20, 20]


def test_columns_that_are_not_named_are_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs.csv").write_text("batch_size,lr,iteration,acc,top5,note\n8,0.1,100,0.9,0.99,x\n")
    assert main(["import", "runs.csv", "--study", "old", "--target", "acc>=0.8"]) == 0
    assert "left out: 2 columns (top5 and note)" in capsys.readouterr().out
    assert "top5" not in open_study("results/old").evaluations()


def test_a_panel_of_w_and_b_has_a_column_for_each_run(tmp_path: Path) -> None:
    panel = ["Step,a - b - loss,a - b - loss__MIN,c - loss,c - loss__MIN", "1,3,3,,", "5,1,1,2,2", "9,,,0.5,0.5"]
    (tmp_path / "panel.csv").write_text("\n".join(panel))
    (tmp_path / "table.csv").write_text("Name,bs,lr\na - b,8,0.1\nc,16,0.1\n")
    study = import_runs(
        tmp_path / "panel.csv",
        study="old",
        target="loss<=1",
        columns={"iteration": "Step", "loss": "* - loss", "run": "Name", "batch_size": "bs"},
        runs=tmp_path / "table.csv",
        store=tmp_path / "results",
    )
    looks = study.evaluations()[["batch_size", "iteration", "loss"]].sort_values(["batch_size", "iteration"])
    assert looks.to_numpy().tolist() == [[8, 1, 3], [8, 5, 1], [16, 5, 2], [16, 9, 0.5]]


def test_a_column_of_lrs_gives_way_to_that_of_the_table_of_runs(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("run,batch_size,lr\na,8,0.1\n")
    text = "run,iteration,lr,loss\na,1,0.1,2\na,2,0.05,1\n"
    assert study_of(tmp_path, text, runs=tmp_path / "table.csv").trials()["lr"].tolist() == [0.1]


def test_a_line_of_json_ends_where_its_line_ends(tmp_path: Path) -> None:
    row = {"run": "a\u2028b", "batch_size": 8, "lr": 0.1, "iteration": 5, "loss": 1.0}
    (tmp_path / "runs.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    study = import_runs(tmp_path / "runs.jsonl", study="old", target="loss<=1", store=tmp_path / "results")
    assert len(study.trials()) == 1
