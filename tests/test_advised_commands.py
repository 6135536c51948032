"""What a report advises of a race, a bracket and seeds at need is typed as it is printed, and does what it says."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from bs_study import open_study
from bs_study.answer import analyse
from bs_study.report.sentences.steps import command, step
from bs_study.store.check.study import problems
from bs_study.store.paths import study_paths
from tests.grid_command import command_in_this_process

Typed = Callable[[str], str]
BEGIN = "bs-study run --local --no-timing --min-iterations 0 --max-iterations 150 --target 'loss<=1'"
PRINTED = re.compile(r"^Next: (?:.*\n)+?  (?P<command>bs-study (?:.*\\\n)*.*)$", re.MULTILINE)


class Advice(NamedTuple):
    step: str
    command: str


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Run a command as a shell reads it, in this process; return what it prints."""
    monkeypatch.setattr("sys.path", [*sys.path])

    def run(command: str) -> str:
        program, name, *words = shlex.split(command.replace("\\\n", " "))
        assert (program, name) == ("bs-study", "run")
        capsys.readouterr()
        status = command_in_this_process()(words)
        printed = capsys.readouterr()
        assert status == 0, f"{command}\n{printed.out}\n{printed.err}"
        return printed.out

    return run


def advised(study: Path) -> list[Advice]:
    """Return what the report advises, as the study was launched."""
    found = analyse(open_study(study))
    each = found.recommendation.steps
    return [Advice(step(one, found), command(one, found, start="bs-study run --local")) for one in each]


def starts(study: Path) -> dict[str, pd.Timestamp]:
    trials = open_study(study).trials()
    return dict(zip(trials["trial_id"], trials["start_time"], strict=True))


STUDIES = {
    "race": ("--search race --seeds 0 --batch-sizes 64 128 --lrs 0.1 0.2", "seeds auto"),
    "bracket": ("--search bracket --seeds 0 1 --batch-sizes 64 --lrs 0.2", "batch sizes"),
    "auto": ("--search race --seeds auto --max-seeds 2 --batch-sizes 64 128 --lrs 0.2", "Allow up to 6 seeds"),
}


@pytest.mark.parametrize("name", STUDIES)
def test_each_step_that_is_advised_can_be_typed_and_is_done(tmp_path: Path, typed: Typed, name: str) -> None:
    flags, expected = STUDIES[name]
    study = tmp_path / name
    printed = typed(f"{BEGIN} {flags} --name {name} --store {tmp_path}")
    first = advised(study)
    assert any(expected in one.step for one in first), first
    (last_lines,) = PRINTED.findall(printed)
    assert shlex.split(last_lines.replace("\\\n", " ")) == shlex.split(first[0].command)
    for one in first:
        if "--name" in one.command:  # a study of its own
            continue
        before, cells = starts(study), analyse(open_study(study)).tables.convergence
        typed(one.command)
        after = starts(study)
        assert {trial_id: after[trial_id] for trial_id in before} == before
        assert one not in advised(study), one
        assert "0 trials" not in one.step
        has = open_study(study).config
        assert has is not None
        for flag, values in (("--lrs", has.lrs), ("--batch-sizes", has.batch_sizes)):
            added = re.search(rf"{flag} ([\d.e \-]+)", one.command)
            if added:
                new = {float(text) for text in added[1].split()}
                assert new <= set(values)
                assert len(after) > len(before)
                column = "lr" if flag == "--lrs" else "batch_size"
                assert not new & set(cells[column])
                assert new <= set(open_study(study).trials()[column])
    assert list(problems(study_paths(study))) == []
