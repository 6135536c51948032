"""Of a study that goes on, what has changed is told before what is wrong with it now, and before any timing."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.person import TASK, Captured, Person, refused

RENAMED = TASK.replace('{"accuracy": right}', '{"acc2": right}')
WIDER = TASK.replace("torch.rand(count, 2,", "torch.rand(count, 3,")


@pytest.mark.parametrize(
    ("text", "told", "own_refusal"),
    [
        (RENAMED, "edited_task.py was edited", "'accuracy' is no metric"),
        (WIDER, "part 1 of the training set is float32 (3,), not float32 (2,)", "mat1 and mat2"),
        (TASK.replace("return circle(COUNT, 0)", "return 3"), "edited_task.py was edited", "edited.train_data"),
        (TASK.replace("return circle(COUNT, 0)", "return open('gone')"), "edited_task.py was edited", "gone"),
    ],
)
def test_a_change_that_can_not_be_trained_is_told_as_a_change_until_it_is_accepted(
    person: Person, capsys: Captured, text: str, told: str, own_refusal: str
) -> None:
    assert person.begin(interrupted_after=20) == 130
    person.edit(text)
    said = refused(person, capsys)
    assert told in said
    assert own_refusal not in said
    assert person.resume("--accept-changes") == 2
    assert own_refusal in capsys.readouterr().err


def test_what_did_not_change_is_refused_as_it_is(person: Person, capsys: Captured) -> None:
    assert person.begin(interrupted_after=20) == 130
    assert person.resume("--data-dir", "nowhere") == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_disturbed_timing_is_not_repeated_with_an_edited_helper(person: Person, capsys: Captured) -> None:
    (person.folder / "width.py").write_text("WIDTH = 8\n")
    person.edit("from width import WIDTH\n" + TASK.replace("Linear(2, 8)", "Linear(2, WIDTH)"))
    assert person.begin("--timing") == 0
    for file in (person.study / "timings").glob("*.parquet"):
        pd.read_parquet(file).assign(disturbed=True).to_parquet(file, index=False)
    (person.folder / "width.py").write_text("WIDTH = 8 + 0\n")
    assert "width.py was edited" in refused(person, capsys, "--timing")
    assert person.resume() == 0
    assert "nothing to do" in capsys.readouterr().out
