"""The probes of a trial while it trains: when they come, what each tells, and the direction of the iteration after."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from bs_study.training.additivity import has_batch_statistics
from bs_study.training.assembly import Assembly
from bs_study.training.checkpoint import State
from bs_study.training.clock import synchronize
from bs_study.training.curvature import batch_sharpness, largest_eigenvalue
from bs_study.training.engine import first_line
from bs_study.training.gradient_norms import product
from bs_study.training.placement import Probing
from bs_study.training.probe import Moments, probe, probe_seed
from bs_study.training.probe_plan import CHUNKS, SHARE, chunk_size, next_probe
from bs_study.training.progress import Position

Row = dict[str, float | None]


@dataclass
class Tally:
    """The probes of a trial so far: examples that they have taken or forgone, the rows recorded, the seconds."""

    examples: int = 0
    probes: int = 0
    seconds: float = 0.0


class Prober:
    """Probes a trial's gradients when it is time to.

    Args:
        assembly: what is trained.
        probing: what is looked at.
        record: takes the row of each probe, once the iteration after it was made.
    """

    def __init__(self, assembly: Assembly, probing: Probing, record: Callable[[Row], None]) -> None:
        self._assembly, self._plan = assembly, assembly.plan
        self._curvature, self._record = probing.curvature, record
        self._by_batch = assembly.learner.adds_up_not or has_batch_statistics(assembly.learner.model)
        self._chunk = chunk_size(self._plan, by_batch=self._by_batch) if probing.gradients else None
        self._row: Row | None = None  # of the last probe, which waits for the next iteration
        self._gradient: list[Tensor] = []  # of the iteration that it came after
        self._tally = Tally()
        self._eigenvalue: float | None = None
        self.complaints: list[str] = []

    def next_stop(self, iteration: int) -> int | None:
        """Return the iteration after which there is something to do next; None if never."""
        if self._chunk is None:
            return None
        return iteration + 1 if self._row else next_probe(self._plan, iteration, probed=self._tally.examples)

    def look(self, position: Position) -> None:
        """Finish the probe of the iteration before, and probe after this one if it is time to."""
        if self._chunk is None:
            return
        start = time.perf_counter()
        if self._row:
            self.finish(position)
        if next_probe(self._plan, position.iteration - 1, probed=self._tally.examples) <= position.iteration:
            self._probe(position, self._chunk)
        synchronize(self._assembly.device)
        self._tally.seconds += time.perf_counter() - start

    def finish(self, position: Position) -> None:
        """Record the probe that waits for the iteration after it, which is the trial's last if that is not made."""
        if not self._row:
            return
        row, before = self._row, self._gradient
        self._row, self._gradient = None, []
        at = int(row["iteration"] or 0)
        if position.iteration == at + 1:
            row["cos_next"] = _cosine(before, self._assembly.engine.gradients())
        self._tally.probes += 1
        self._record(row)

    def _probe(self, position: Position, chunk: int) -> None:
        start = time.perf_counter()
        learner, data = self._assembly.learner, self._assembly.train_data
        seed = probe_seed(self._plan.trial.seed, position.iteration)
        try:
            found = probe(learner, data, chunk=chunk, chunks=CHUNKS, seed=seed)
            self._gradient = [gradient.clone() for gradient in self._assembly.engine.gradients()]
        except Exception as error:  # noqa: BLE001  of a model that takes batches of one size, say: it trains on
            self._chunk = None
            self._complain("gradients were probed no more", error)
            return
        batch_size = self._plan.trial.batch_size
        sharpness = self._curved(lambda: batch_sharpness(learner, data, batch_size=batch_size, seed=seed))
        self._tally.examples += chunk * CHUNKS
        self._row = {
            "iteration": position.iteration,
            "examples": position.examples,
            "epoch": self._plan.epochs_after(position.iteration),
            **_columns(found.plain, ""),
            **_columns(found.scaled, "_scaled"),
            "cos_next": None,
            "batch_sharpness": sharpness,
            "step_lr": float(learner.optimizer.param_groups[0]["lr"]),
            "chunk": chunk,
            "chunks": CHUNKS,
            "by_batch": self._by_batch,
            "probe_seconds": time.perf_counter() - start,
        }

    def _curved(self, measure: Callable[[], float]) -> float | None:
        """Return a curvature, if that is asked for, the model has second derivatives, and there is memory for them."""
        if not self._curvature:
            return None
        try:
            found = measure()
        except Exception as error:  # noqa: BLE001  what an operation has in place of a second derivative is its own
            self._curvature = False
            self._complain("curvature was measured no more", error)
            return None
        return found if math.isfinite(found) else None

    def _complain(self, what: str, error: BaseException) -> None:
        self.complaints.append(f"{what}: {first_line(error)}")

    def end(self, position: Position, *, alive: Callable[[], None]) -> None:
        """Finish the last probe, and measure the largest eigenvalue, also where the trial has diverged.

        Args:
            alive: called at each step of that, of which there may be 200.
        """
        start = time.perf_counter()
        self.finish(position)
        learner, data = self._assembly.learner, self._assembly.train_data
        self._eigenvalue = self._curved(lambda: largest_eigenvalue(learner, data, alive=alive))
        self._tally.seconds += time.perf_counter() - start

    @property
    def columns(self) -> dict[str, float | None]:
        """The columns of `trials` that tell of probes."""
        tally = self._tally
        return {"probes": tally.probes, "probe_seconds": tally.seconds, "largest_eigenvalue": self._eigenvalue}

    @property
    def state(self) -> State:
        """What a checkpoint holds, so that the probes of a resumed trial are those of an unbroken one."""
        return {"tally": asdict(self._tally), "row": self._row, "gradient": self._gradient}

    def restore(self, state: State, *, examples: int) -> None:
        """Go on from a saved state, which is empty where an older version wrote it, after so many examples.

        Where there were no probes so far, those that are due by then are not made one after another.
        """
        if state:
            self._tally = Tally(**state["tally"])
            self._row, self._gradient = state["row"], [one.to(self._assembly.device) for one in state["gradient"]]
        if not self._tally.examples:
            self._tally.examples = int(examples * SHARE)


def _columns(found: Moments | None, ending: str) -> Row:
    """Return the columns of moments; of weights that are no numbers any more, say, they are not known."""
    known = found if found and all(map(math.isfinite, found)) else (None, None)
    return dict(zip((f"g2{ending}", f"tr_sigma{ending}"), known, strict=True))


def _cosine(left: list[Tensor], right: list[Tensor]) -> float | None:
    if len(left) != len(right):
        return None
    products = torch.stack([product(left, right), product(left, left), product(right, right)]).tolist()
    length = math.sqrt(products[1] * products[2])
    return products[0] / length if math.isfinite(length) and length > 0 else None
