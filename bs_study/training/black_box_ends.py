"""When the trial of a function ends: it has met its target, diverged, spent a budget, or is outrun."""

from __future__ import annotations

import math

import numpy as np

from bs_study.config import TrialConfig
from bs_study.training.divergence import DivergenceWatch
from bs_study.training.progress import Ending, Position
from bs_study.training.run import NewestBound

JUDGED = 32
"""Losses that are held against a limit at once, in numpy, which is slow for each alone."""


class BlackBoxEnds:
    """Looks at what a trial has told.

    Args:
        trial: what is trained. Of its budgets one in epochs does not count, as epochs are not known.
        position: where it stands.
        bound: by when the target must have been met; asked at each evaluation.
    """

    def __init__(self, trial: TrialConfig, *, position: Position, bound: NewestBound) -> None:
        self._trial, self._position, self._bound = trial, position, bound
        settings = trial.settings
        self._min_iterations = settings.min_iterations if settings.stop_at_target else math.inf
        self._most_iterations = settings.max_iterations or math.inf
        self._most_examples = settings.max_examples or math.inf
        self._most_seconds = settings.max_train_seconds or math.inf
        window, limit = settings.loss_limit_iterations, settings.loss_limit
        self._watch = None if limit is None else DivergenceWatch(limit=limit, window=window)
        self._unseen: list[float] = []

    def share(self, seconds: float) -> float | None:
        """Return the share of the budget that is spent, after so many seconds of training; None without a budget."""
        done = self._position.iteration / self._most_iterations, self._position.examples / self._most_examples
        most = max(*done, seconds / self._most_seconds)
        return most if most > 0 else None

    def of_loss(self, loss: float) -> Ending | None:
        """Return how a loss ends the trial: it is not finite, or too many losses were above a limit."""
        if not math.isfinite(loss):
            return self._diverged("non_finite")
        if self._watch is None:
            return None
        self._unseen.append(loss)
        return self.of_limit() if len(self._unseen) >= JUDGED else None

    def of_limit(self) -> Ending | None:
        """Hold the losses that are left against the limit."""
        if self._watch is None or not self._unseen:
            return None
        found = self._watch.first_divergence(np.array(self._unseen))
        self._unseen.clear()
        return self._diverged(found[1]) if found else None

    def _diverged(self, why: str) -> Ending:
        return Ending("diverged", why, f"loss {self._position.loss:g} at iteration {self._position.iteration}")

    def of_progress(self, seconds: float, *, is_look: bool) -> Ending | None:
        """Return how the trial ends where it stands.

        Args:
            seconds: of its training.
            is_look: whether it has just been evaluated.
        """
        position = self._position
        if position.reached_iteration is not None and position.iteration >= self._min_iterations:
            return Ending("completed", "target")
        if position.iteration >= self._most_iterations:
            return Ending("completed", "max_iterations")
        if position.examples >= self._most_examples:
            return Ending("completed", "max_examples")
        if seconds >= self._most_seconds:
            return Ending("completed", "max_train_seconds")
        return self._outrun() if is_look and position.reached_iteration is None else None

    def _outrun(self) -> Ending | None:
        bound = self._bound()
        if bound is None or not bound.ends(self._trial, iteration=self._position.iteration):
            return None
        return Ending("completed", "outrun", bound=bound.iterations, outrun_by=bound.outrun_by)
