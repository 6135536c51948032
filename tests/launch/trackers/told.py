"""What a tracker is told of a study of one trial."""

from __future__ import annotations

from bs_study.config import TrialConfig
from bs_study.launch.trackers.tracker import Run, Tracker
from bs_study.training.progress import Ending

TRIAL = TrialConfig(batch_size=4, lr=0.1, seed=0, max_iterations=20)
RUN = Run(TRIAL, "the study", "warm-up 1 epoch")
LABELS = {"study": "the study", "batch_size": "4", "lr": "0.1", "seed": "0", "recipe": "warm-up 1 epoch"}
ENDING = Ending("completed", "max_iterations")
ANSWER = {"answer": "Train with batch size 4.", "grade": "leaning", "best_batch_size": 4, "best_lr": 0.1}
LOSS = {10: 0.1, 20: 0.05}


def tell(tracker: Tracker) -> None:
    """Tell a tracker of a trial and of the answer; another trial is begun meanwhile, and is left open."""
    other = RUN._replace(trial=TRIAL.model_copy(update={"seed": 1}))
    tracker.log(RUN, [(10, {"loss": LOSS[10]})])
    tracker.log(other, [(10, {"loss": 3.0})])
    tracker.log(RUN, [(15, {"running/loss": 7.0}), (20, {"loss": LOSS[20]})])
    tracker.end(RUN, ENDING)
    tracker.conclude(ANSWER)
    tracker.close()
