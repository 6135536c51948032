"""What can't be imported is refused in one line that names file and line, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bs_study.cli.main import main
from tests.grid_command import is_one_line_that_tells
from tests.importing.conftest import Import

LONG = "run,batch_size,lr,seed,iteration,seconds,loss\n"
TIMES = "batch_size,lr,seed,iterations_to_target\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ("runs.csv", "no rows")),
        (TIMES, ("runs.csv", "no rows")),
        ("batch_size;lr;iterations_to_target\n8;1;2\n", ("runs.csv", "';'", "commas")),
        (TIMES + "8,0.1,0\n", ("runs.csv line 2", "3 values", "4 columns")),
        (TIMES + '8,0.1,0,"5\n', ("runs.csv line", "no CSV")),
        ("batch_size,lr,lr,iterations_to_target\n8,1,1,5\n", ("runs.csv", "'lr'")),
        ("bs,lr,iterations_to_target\n8,0.1,5\n", ("batch_size", "runs.csv", "--map batch_size=bs")),
        ("batch_size,learning_rate,iterations_to_target\n8,1,5\n", ("lr:", "--map lr=learning_rate")),
        ("run,batch_size,lr,_step,loss\na,8,0.1,1,2\n", ("iteration", "--map iteration=_step")),
        ("run,batch_size,lr,iteration,val/loss\na,8,0.1,1,2\n", ("loss", "--map loss=val/loss")),
        ("batch_size,lr,iteration,iterations_to_target\n8,1,1,5\n", ("iteration", "iterations_to_target")),
        (TIMES + "eight,0.1,0,5\n", ("batch_size", "'eight'", "runs.csv line 2")),
        (TIMES + "8.5,0.1,0,5\n", ("batch_size", "'8.5'", "runs.csv line 2")),
        (TIMES + "8,nan,0,5\n", ("lr", "'nan'", "runs.csv line 2")),
        (TIMES + "8,-0.1,0,5\n", ("lr", "-0.1", "runs.csv line 2")),
        (TIMES + "8,0.1,-1,5\n", ("seed", "'-1'", "runs.csv line 2")),
        (TIMES + "8,0.1,,5\n", ("seed", "runs.csv line 2")),
        (TIMES + "8,0.1,0,0\n", ("iterations_to_target", "'0'", "runs.csv line 2")),
        (TIMES + "8,0.1,0,\n", ("iterations_to_target", "runs.csv line 2", "iterations")),
        (TIMES + "8,0.1,0,5\n\n8,0.1,0,6\n", ("seed", "line 2", "line 4")),
        ("batch_size,lr,iterations_to_target\n8,0.1,5\n8,0.1,6\n", ("line 2", "line 3", "--map seed=")),
        ("batch_size,lr,examples_to_target\n8,0.1,9\n", ("examples_to_target", "9", "batches of 8", "line 2")),
        (LONG + "a,8,0.1,0,1,1,2\na,16,0.1,0,2,2,1\n", ("batch_size", "8", "16", "line 2", "line 3")),
        (LONG + "a,8,0.1,0,1,1,2\na,8,0.2,0,2,2,1\n", ("lr", "0.1", "0.2", "line 2", "line 3")),
        (LONG + "a,8,0.1,0,1,1,2\na,8,0.1,1,2,2,1\n", ("seed", "line 2", "line 3")),
        (LONG + "a,8,0.1,0,2,1,2\na,8,0.1,0,1,2,1\n", ("iteration", "from 2 to 1", "line 3")),
        (LONG + "a,8,0.1,0,1,2,2\na,8,0.1,0,2,1,1\n", ("seconds", "from 2 to 1", "line 3")),
        (LONG + "a,8,0.1,0,1,2,2\na,8,0.1,0,2,,1\n", ("seconds", "missing", "line 3")),
        (LONG + "a,8,0.1,0,1,inf,2\n", ("seconds", "'inf'", "line 2")),
        (LONG + "a,8,0.1,0,1,-1,2\n", ("seconds", "-1", "line 2")),
        (LONG + "a,8,0.1,0,1,1700000000,2\n", ("seconds", "date", "line 2")),
        (LONG + 'a,8,0.1,0,"1,000",1,2\n', ("iteration", "'1,000'", "line 2", "comma")),
        (LONG + "a,8,0.1,0,1_0,1,2\n", ("iteration", "'1_0'", "line 2")),
        (LONG + "a,8,0.1,0,nan,1,2\n", ("iteration", "'nan'", "line 2")),
        (LONG + "a,8,0.1,0,1,1,low\n", ("loss", "'low'", "line 2")),
        (LONG + "a,8,0.1,0,1,1,2\na,8,0.1,0,1,1,3\n", ("loss", "two values", "line 2", "line 3")),
        (LONG + "a,8,0.1,0,0,0,2\n", ("run", "'a'", "line 2")),
        (LONG + ",8,0.1,0,1,1,2\n", ("run", "missing", "line 2")),
        (LONG + "a,8,0.1,0,1,1,2\nb,8,0.1,0,1,1,2\n", ("seed", "line 2", "line 3")),
        (LONG.replace("seconds", "examples") + "a,8,0.1,0,2,17,2\n", ("examples", "17", "line 2", "16")),
        (LONG.replace("seconds", "examples") + "a,8,0.1,0,2,,2\n", ("examples", "missing", "line 2")),
    ],
)
def test_a_file_that_can_t_be_is_refused_with_its_line(
    text: str, told: tuple[str, ...], folder: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "runs.csv").write_text(text)
    assert imported("runs.csv") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert is_one_line_that_tells(printed.err, told)
    assert not (folder / "results").exists()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("runs.xlsx", b"PK", ("runs.xlsx", "'.xlsx'", ".csv")),
        ("runs.csv", b"\xff\xfe\x00", ("runs.csv", "no CSV", "UTF-8")),
        ("runs.csv", b"a,b\n1,\x00\n", ("runs.csv", "no CSV")),
        ("runs.parquet", b"PAR1 it is not", ("runs.parquet", "no Parquet")),
        ("runs.jsonl", b'{"batch_size": 8}\n{\n', ("runs.jsonl line 2", "no JSON")),
        ("runs.jsonl", b'{"lr": 1, "batch_size": 8, "batch_size": 16}\n', ("runs.jsonl line 1", "'batch_size' twice")),
        ("runs.jsonl", b"[1]\n", ("runs.jsonl line 1", "[1]")),
        ("runs.jsonl", b'{"batch_size": true, "lr": 1, "iterations_to_target": 5}\n', ("batch_size", "True")),
    ],
)
def test_a_file_of_another_kind_is_refused(
    name: str,
    content: bytes,
    told: tuple[str, ...],
    folder: Path,
    imported: Import,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / name).write_bytes(content)
    assert imported(name) == 2
    assert is_one_line_that_tells(capsys.readouterr().err, told)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--map", "bs"), ("--map", "'bs'", "batch_size=bs")),
        (("--map", "lr=a", "lr=b"), ("lr", "twice")),
        (("--map", "bs=batch_size"), ("batch_size", "gives the column", "to bs")),
        (("--map", "lr=nowhere"), ("--map", "'nowhere'", "runs.csv")),
        (("--map", "sede=seed"), ("'sede'", "seed=seed")),
        (("--map", "epoch=lr"), ("'epoch'",)),
        (("--map", "lr=lr", "top=lr"), ("lr", "top")),
        (("--runs", "nowhere.csv"), ("nowhere.csv",)),
        (("--target", "seconds<=1"), ("target", "'seconds'")),
        (("--target", "loss"), ("target", "'loss'")),
        (("--study", "a/b"), ("study", "'a/b'")),
        (("--study", "nul"), ("study", "'nul'")),
    ],
)
def test_a_flag_that_can_t_be_is_refused(
    words: tuple[str, ...], told: tuple[str, ...], folder: Path, imported: Import, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "runs.csv").write_text(TIMES + "8,0.1,0,5\n")
    usual = {"--study": "old", "--target": "loss<=1"}
    rest = [word for flag, value in usual.items() if flag not in words for word in (flag, value)]
    assert main(["import", "runs.csv", *words, *rest]) == 2
    assert is_one_line_that_tells(capsys.readouterr().err, told)
    assert not (folder / "results").exists()
