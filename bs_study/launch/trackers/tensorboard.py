"""TensorBoard: a folder of event files for each trial, beside the study's tables."""

from __future__ import annotations

from pathlib import Path

from tensorboardX import SummaryWriter  # type: ignore[import-untyped]

from bs_study.launch.trackers.tracker import STUDY_RUN, Answer, Run, Series, outcome
from bs_study.training.progress import Ending


class TensorBoard:
    """Writes into a folder with a folder for each trial; the answer and what a trial is are texts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, SummaryWriter] = {}

    def __str__(self) -> str:
        return f"tensorboard, in {self._folder}"

    def log(self, run: Run, series: Series) -> None:
        if run.name not in self._writers:
            folder = self._folder / run.name
            # A trial that goes on is told from its beginning again, in place of what was told before.
            purge_step = 0 if folder.exists() else None
            self._writers[run.name] = SummaryWriter(str(folder), purge_step=purge_step)
        for iteration, numbers in series:
            for name, value in numbers.items():
                self._writers[run.name].add_scalar(name, value, global_step=iteration)
        self._writers[run.name].flush()

    def end(self, run: Run, ending: Ending) -> None:
        self.log(run, [])
        writer = self._writers.pop(run.name)
        writer.add_text("trial", _table(run.labels | outcome(ending)))
        writer.close()

    def conclude(self, answer: Answer) -> None:
        with SummaryWriter(str(self._folder / STUDY_RUN)) as writer:
            writer.add_text("answer", _table(answer))

    def close(self) -> None:
        while self._writers:
            self._writers.popitem()[1].close()


def _table(told: Answer) -> str:
    """Return names and values in Markdown, as TensorBoard shows texts."""
    cells = {name: str(value).replace("|", "\\|") for name, value in told.items()}
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in cells.items())])
