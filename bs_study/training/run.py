"""A trial while it trains: stretches of iterations, and what is to be done between them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple

from torch import Tensor

from bs_study.bound import Bound
from bs_study.target import Target
from bs_study.training.assembly import Assembly
from bs_study.training.checkpoint import State, learner_state, misfits_raise, restore_learner
from bs_study.training.clock import timeline
from bs_study.training.divergence import DivergenceWatch, default_loss_limit
from bs_study.training.initial_loss import initial_loss
from bs_study.training.interruption import Interrupted
from bs_study.training.learner import Told
from bs_study.training.loop import STRETCH_ITERATIONS, STRETCH_SECONDS, train_stretch
from bs_study.training.machine import peak_memory_bytes
from bs_study.training.placement import Probing
from bs_study.training.prober import Prober
from bs_study.training.progress import Ending, spent_budget, train_seconds_left
from bs_study.training.randomness import kept_generators, random_state, restore_random
from bs_study.training.recorder import Recorder
from bs_study.training.watchdog import Watchdog

NewestBound = Callable[[], Bound | None]
"""Returns by when a trial must have met its target, as far as is known at that moment."""


def ready_run(
    recorder: Recorder,
    assembly: Assembly,
    *,
    target: Target,
    watchdog: Watchdog,
    state: State | None,
    probing: Probing,
    bound: NewestBound = lambda: None,
) -> TrialRun:
    """Return a trial that is ready to train, from its beginning or from a saved state.

    Raises:
        MisfitError: the state is not of this trial as it is assembled now; the assembly is spoilt then.
    """
    trial = assembly.plan.trial
    if not state:
        with kept_generators():  # what it draws is not the training's: losses are the same without this look
            recorder.add_initial_metric(assembly.evaluate()[target.metric])
    limit = trial.settings.loss_limit or (math.inf if state else _own_loss_limit(assembly, recorder))
    watch = DivergenceWatch(limit=limit, window=trial.settings.loss_limit_iterations)
    if state:
        with misfits_raise():
            restore_learner(assembly.learner, state["learner"], iteration=state["standing"]["iteration"])
            restore_random(state["random"])
            watch.restore(state["watch"])
        recorder.restore(state)
    prober = Prober(assembly, probing, recorder.add_probe)
    if state:
        with misfits_raise():
            prober.restore(state.get("prober", {}), examples=recorder.position.examples)
    return TrialRun(recorder, assembly, prober, target=target, watch=watch, watchdog=watchdog, bound=bound)


def _own_loss_limit(assembly: Assembly, recorder: Recorder) -> float:
    """Return the limit that follows from the initial weights; the time that this takes is warm-up."""
    start = time.perf_counter()
    limit = default_loss_limit(initial_loss(assembly))
    if assembly.plan.trial.settings.warmup_iterations:
        recorder.clocks.warmup_seconds += time.perf_counter() - start
    return limit


class TrialRun:
    """The training of a trial, from where its recorder stands.

    Args:
        recorder: told of all that happens.
        assembly: what is trained and judged.
        prober: looks at its gradients.
        target: ends the trial, unless it is to train on.
        watch: says when it has diverged.
        watchdog: fed with every stretch.
        bound: ends the trial at an evaluation by which it has not met the target. It changes no loss.
    """

    def __init__(
        self,
        recorder: Recorder,
        assembly: Assembly,
        prober: Prober,
        *,
        target: Target,
        watch: DivergenceWatch,
        watchdog: Watchdog,
        bound: NewestBound,
    ) -> None:
        self.recorder = recorder
        self.prober = prober
        self._assembly = assembly
        self._plan, self._trial = assembly.plan, assembly.plan.trial
        self._target = target
        self._watch = watch
        self._watchdog = watchdog
        self._bound = bound
        self._timeline = timeline(assembly.device)
        # The first iterations of each attempt are warm-up: its process has made none yet.
        self._warm_from = recorder.position.iteration + self._trial.settings.warmup_iterations

    def train(self) -> Ending:
        """Train epoch after epoch until the trial ends.

        Raises:
            Interrupted: an end was asked for, and a checkpoint is written.
        """
        position = self.recorder.position
        try:
            ending = self._judge() if position.judged_iteration < position.iteration else None
            while ending is None:
                ending = self._train_epoch(position.iteration // self._plan.epoch_iterations + 1)
        except Interrupted:
            self.recorder.keep(self._plan, self._state)
            raise
        self._watchdog.feed()
        self.prober.end(position, alive=self._go_on)
        return ending

    def _go_on(self) -> None:
        """Let the watchdog know that the trial is alive; raise if what it does at its end is to be left."""
        self._watchdog.feed()
        if self._assembly.interruption.is_asked:
            raise RuntimeError("the trial was asked to end")

    def _train_epoch(self, epoch: int) -> Ending | None:
        position, end = self.recorder.position, epoch * self._plan.epoch_iterations
        done = position.examples - (epoch - 1) * self._plan.epoch_examples
        if done == 0:
            self.recorder.clocks.start_epoch()
            self._assembly.learner.clipped.zero_()
        batches = self._assembly.train.epoch(epoch, skip=done)
        while position.iteration < end:
            ending = self._train_stretch(batches, epoch=epoch, end=end) or self._judge()
            self._watchdog.feed()
            if ending:
                return ending
            self.recorder.keep_up(self._plan, self._state)
            self._assembly.interruption.check()
        return None

    def _train_stretch(self, batches: Iterator[tuple[Tensor, ...]], *, epoch: int, end: int) -> Ending | None:
        """Train up to the next iteration at which something else is to be done, and record it."""
        position, clocks = self.recorder.position, self.recorder.clocks
        is_warmup = position.iteration < self._warm_from
        stretch = train_stretch(
            self._assembly.engine,
            batches,
            count=min(self._next_stop(), end) - position.iteration,
            seconds=min(STRETCH_SECONDS, train_seconds_left(self._trial, clocks)),
            timeline=self._timeline,
            interruption=self._assembly.interruption,
        )
        if is_warmup:
            clocks.warmup_seconds += stretch.seconds
        else:
            clocks.add_training(
                stretch.seconds,
                load=stretch.load_seconds,
                compute=stretch.compute_seconds,
                iterations=len(stretch.told.losses),
            )
        ending = self._record(stretch.told, epoch=epoch)
        if position.iteration == end and not ending:
            self._record_epoch(epoch)
        if not ending:
            self.prober.look(position)
        return ending

    def _next_stop(self) -> int:
        position, trial = self.recorder.position, self._trial
        here = position.iteration
        stops = [here + STRETCH_ITERATIONS, self._plan.next_evaluation(here), self._warm_from]
        stops += [self.prober.next_stop(here) or here, self._plan.last_iteration or here]
        stops += [trial.settings.min_iterations if position.is_reached else here]
        return min(stop for stop in stops if stop > here)

    def _record(self, told: Told, *, epoch: int) -> Ending | None:
        """Record the losses of a stretch, up to the one at which the trial diverged if it did."""
        loss, grad_norms = (of_all.cpu().numpy() for of_all in told)
        divergence = self._watch.first_divergence(loss)
        if divergence:
            loss = loss[: divergence[0] + 1]
        self.recorder.add_losses(loss, grad_norms[: len(loss)], epoch=epoch, plan=self._plan)
        if not divergence:
            return None
        position = self.recorder.position
        return Ending("diverged", divergence[1], f"loss {position.loss:g} at iteration {position.iteration}")

    def _record_epoch(self, epoch: int) -> None:
        learner = self._assembly.learner
        clips = learner.clip_norm is not None
        share = int(learner.clipped) / self._plan.epoch_iterations if clips else None
        self.recorder.add_epoch(epoch, clipped_share=share, peak_memory_bytes=peak_memory_bytes(self._assembly.device))

    def _judge(self) -> Ending | None:
        """Evaluate if it is time to, and say whether the trial has met its target, spent a budget or is outrun."""
        position = self.recorder.position
        spent = spent_budget(position, self.recorder.clocks, self._plan)
        is_look = bool(spent) or self._plan.next_evaluation(position.iteration - 1) == position.iteration
        if is_look:
            self._evaluate()
        position.judged_iteration = position.iteration
        is_enough = position.is_reached and position.iteration >= self._trial.settings.min_iterations
        if is_enough and self._trial.settings.stop_at_target:
            return Ending("completed", "target")
        if spent:
            return Ending("completed", spent)
        return self._outrun() if is_look and not position.is_reached else None

    def _outrun(self) -> Ending | None:
        """Return the ending of a trial that is outrun, or None; at other times than at looks the race was not exact."""
        bound = self._bound()
        if bound is None or not bound.ends(self._trial, iteration=self.recorder.position.iteration):
            return None
        return Ending("completed", "outrun", bound=bound.iterations, outrun_by=bound.outrun_by)

    def _evaluate(self) -> None:
        start, drawn = time.perf_counter(), random_state()
        try:
            metrics = self._assembly.evaluate()
        except Interrupted:
            restore_random(drawn)  # it is made again, from its beginning
            raise
        seconds = time.perf_counter() - start
        self.recorder.add_evaluation(metrics, target=self._target, seconds=seconds, plan=self._plan)

    def _state(self) -> State:
        """Return what a new attempt needs beside what is recorded to go on from here, bit for bit on a CPU."""
        kernels = self._assembly.kernels
        return {
            "learner": learner_state(self._assembly.learner),
            "kernels": astuple(kernels) if kernels else None,
            "random": random_state(),
            "watch": self._watch.state,
            "prober": self.prober.state,
        }
