"""What follows from a trial's config and the size of its data: which iterations end epochs, evaluations, the budget."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from fractions import Fraction

from bs_study.config import TrialConfig
from bs_study.training.looks import Looks, least_stretch


@dataclass(frozen=True)
class Plan:
    """The iterations of a trial, counted from 1.

    Args:
        trial: what is trained.
        epoch_examples: size of the training set.
        evaluated_examples: how many an evaluation passes over.

    >>> from bs_study.config import TrialConfig
    >>> plan = Plan(TrialConfig(batch_size=4, lr=0.1, seed=0, max_epochs=2.5), epoch_examples=10, evaluated_examples=2)
    >>> plan.epoch_iterations, plan.last_iteration, plan.examples_after(4)
    (3, 8, 14)
    """

    trial: TrialConfig
    epoch_examples: int
    evaluated_examples: int

    @property
    def epoch_iterations(self) -> int:
        """Iterations of one epoch; the last takes what is left over."""
        return math.ceil(self.epoch_examples / self.trial.batch_size)

    def iterations_in(self, epochs: float) -> int:
        """Return the iterations that so many epochs take, the last begun one included.

        Counted in decimals, as the user typed them: in binary, 0.07 epochs of 100 iterations are more than 7.
        """
        return math.ceil(Fraction(str(epochs)) * self.epoch_iterations)

    def examples_after(self, iteration: int) -> int:
        """Return the examples seen once an iteration has ended."""
        epochs, rest = divmod(iteration, self.epoch_iterations)
        return epochs * self.epoch_examples + min(rest * self.trial.batch_size, self.epoch_examples)

    def iteration_reaching(self, examples: int) -> int:
        """Return the first iteration after which so many examples have been seen."""
        epochs, rest = divmod(examples, self.epoch_examples)
        return epochs * self.epoch_iterations + math.ceil(rest / self.trial.batch_size)

    def epochs_after(self, iteration: int) -> float:
        """Return the passes over the training set made after an iteration, a fraction."""
        return self.examples_after(iteration) / self.epoch_examples

    @property
    def budgets(self) -> dict[str, int]:
        """The iteration at which each budget that counts something runs out."""
        settings = self.trial.settings
        ends = {
            "max_epochs": settings.max_epochs and self.iterations_in(settings.max_epochs),
            "max_iterations": settings.max_iterations,
            "max_examples": settings.max_examples and self.iteration_reaching(settings.max_examples),
        }
        return {name: int(end) for name, end in ends.items() if end}

    @property
    def last_iteration(self) -> int | None:
        """The iteration at which the first of these budgets runs out; None where only seconds limit the trial."""
        return min(self.budgets.values(), default=None)

    def next_evaluation(self, iteration: int) -> int:
        """Return the first iteration after this one that an evaluation follows, but for that at the end."""
        if self.looks:
            return self.looks.after(iteration)
        # As settings say, or every tenth of an epoch in a study of version 0.1.
        every = self.trial.settings.eval_every_examples or max(1, self.epoch_examples // 10)
        return self.iteration_reaching((self.examples_after(iteration) // every + 1) * every)

    @functools.cached_property
    def looks(self) -> Looks | None:
        """The iterations that evaluations follow; None where these come after equal numbers of examples."""
        settings = self.trial.settings
        if settings.eval_every_examples or settings.eval_spacing is None:
            return None
        stretch = least_stretch(
            batch_size=self.trial.batch_size,
            evaluated_examples=self.evaluated_examples,
            max_share=settings.max_eval_share,
        )
        return Looks(settings.eval_spacing, stretch=stretch)

    @property
    def lr_warmup_iterations(self) -> int:
        settings = self.trial.settings
        return settings.lr_warmup_iterations or self.iterations_in(settings.lr_warmup_epochs)

    @property
    def lr_decay_iterations(self) -> int:
        """Length of the decay, or of one of its steps; by default what the budget leaves after the warm-up."""
        settings = self.trial.settings
        if settings.lr_decay_epochs:
            return self.iterations_in(settings.lr_decay_epochs)
        return settings.lr_decay_iterations or max(1, (self.last_iteration or 1) - self.lr_warmup_iterations)
