"""Run a study's trials one after another, as fast as the disk allows: ``python -m tests.faults.endless_writer STUDY``.

It ends when none is left, or is killed. A trial goes on from the parts that an earlier process left.
"""

from __future__ import annotations

import sys

from bs_study import open_study
from bs_study.grid import study_trials
from bs_study.store.own_trials import answered_trials
from bs_study.store.parts import live_parts
from bs_study.store.writer import TrialWriter
from tests.faults.small_studies import METRICS, add_epoch, outcome


def write_trials(folder: str) -> None:
    study = open_study(folder)
    ended = answered_trials(study)
    for trial in study_trials(study.config):
        if trial.trial_id not in ended:
            adopted = live_parts(study.paths, trial.trial_id)
            writer = TrialWriter(study.paths, trial, metrics=METRICS, adopted=adopted)
            for epoch in range(len(adopted) + 1, 3):
                add_epoch(writer, epoch)
                writer.write_part()
            writer.commit(outcome())


if __name__ == "__main__":
    write_trials(sys.argv[1])
