"""Does a model take batches of one size only, as one that keeps an LSTM's state from batch to batch?"""

from __future__ import annotations

from collections.abc import Sequence

from bs_study.words import listing
from bs_study.workloads.check_example import refuse_bad_example
from bs_study.workloads.check_shapes import Sizes
from bs_study.workloads.tries import Batch, Tries

EXAMPLES = 8
"""That a workload is looked at with."""

ADVICE = (
    "Make what has the size of the batch, an LSTM's first state say, anew in forward: torch.zeros(..., len(x), ...)"
)


def usual_size(tries: Tries, sizes: Sizes, *, examples: int, evaluated: int) -> int:
    """Return how many examples to look at a workload with: 8, or a size of the grid if it takes those and not 8.

    Raises:
        ValueError: the model takes batches of one size only; the message says which of the grid fail.
    """
    usual, grid = min(EXAMPLES, examples), sorted(sizes.grid(examples))
    half = max(1, usual // 2)
    # One row that passes answers most of what is tried later.
    tries.fault_in_a_row(Batch(usual), Batch(usual), Batch(half), Batch(min(half, evaluated), is_trained=False))
    fault = tries.fault(usual)
    if fault:
        refuse_bad_example(tries, Batch(usual), usual=usual)
    passing = next((size for size in grid if not tries.fault(size)), None) if fault else None
    if fault is None or passing is None:
        return usual  # what is wrong is no matter of size: a look at one batch tells it
    if any(not tries.fault(size) for size in (passing - 1, passing + 1) if 0 < size <= examples):
        return passing
    concerned = [size for size in grid if size != passing or examples % size]
    raise ValueError(_refusal(concerned, f" ({passing})", fault=fault, examples=examples))


def state_warnings(tries: Tries, sizes: Sizes, *, usual: int, examples: int, evaluated: int) -> list[str]:
    """Return whether what the model keeps from batch to batch has the size of a batch.

    Args:
        tries: what a batch shows.
        sizes: of the study.
        usual: a size to look at a workload with.
        examples: of the training set.
        evaluated: of the held-out set.

    Raises:
        ValueError: batches of the study differ in size; the message says where.
    """
    half = usual // 2
    judged = min(half, evaluated)
    if not half or tries.fault(usual) or tries.fault(half) or tries.fault(judged, is_trained=False):
        return []
    in_training = tries.fault_in_a_row(Batch(usual), Batch(half))
    in_evaluation = tries.fault_in_a_row(Batch(usual), Batch(judged, is_trained=False))
    fault = in_training or in_evaluation
    if not fault:
        return []
    size = min(sizes.eval_batch_size or evaluated, evaluated)
    of_evaluations = {size, evaluated % size} - {0}
    concerned = [
        size
        for size in sizes.grid(examples)
        if (in_training and examples % size) or (in_evaluation and of_evaluations != {size})
    ]
    if concerned:
        raise ValueError(_refusal(concerned, "", fault=fault, examples=examples))
    return [f"{tries.name}.model: takes batches of one size only, that of the first: {fault}"]


def _refusal(concerned: Sequence[int], only: str, *, fault: str, examples: int) -> str:
    whose = f"With {listing([str(size) for size in concerned])} " if concerned else "Here "
    smaller = [str(size) for size in concerned if examples % size]
    leave = "leaves" if len(smaller) == 1 else "leave"
    last = f" ({listing(smaller)} {leave} a smaller last batch of {examples} examples)" if smaller else ""
    return (
        f"batch_sizes: the model takes batches of one size only{only}. {whose}batches of training{last} and of "
        f"evaluation differ in size, which fails: {fault}. {ADVICE}"
    )
