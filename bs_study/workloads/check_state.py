"""Does a model take batches of one size only, as one that keeps an LSTM's state from batch to batch?"""

from __future__ import annotations

from collections.abc import Sequence

from bs_study.words import counted, listing
from bs_study.workloads.check_example import refuse_bad_example
from bs_study.workloads.check_shapes import Sizes
from bs_study.workloads.tries import Batch, Tries
from bs_study.workloads.user_errors import advice_on

EXAMPLES = 8
"""That a workload is looked at with."""

ADVICE = "Let forward take the size of the batch from the batch: len(x)"


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
    if concerned:
        raise ValueError(_refusal(concerned, f" ({passing})", fault=fault, examples=examples))
    _refuse_evaluations(tries, sizes, only=passing, evaluated=evaluated)
    return passing


def of_evaluations(sizes: Sizes, *, evaluated: int) -> set[int]:
    """Return the sizes of an evaluation's batches, the last one included."""
    size = min(sizes.eval_batch_size or evaluated, evaluated)
    return {size, evaluated % size} - {0}


def _refuse_evaluations(tries: Tries, sizes: Sizes, *, only: int, evaluated: int) -> None:
    """Raise if a model that trains on batches of one size is evaluated with batches of another that fails."""
    tried = ((size, tries.fault(size, is_trained=False)) for size in of_evaluations(sizes, evaluated=evaluated))
    size, fault = next(((size, fault) for size, fault in tried if fault), (0, None))
    if fault is None:
        return
    left = evaluated % only
    fits = f" and leave {counted(left, 'example')} out of {tries.held_out_by}" if left else ""
    way = f"Use --eval-batch-size {only}{fits}, or change the model. " if evaluated >= only else ""
    raise ValueError(
        f"eval_batch_size: the model takes batches of one size only ({only}). An evaluation of "
        f"{counted(evaluated, 'example')} has a batch of {size}, which fails: {fault}. {way}{_advice(fault)}".rstrip()
    )


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
    judging = of_evaluations(sizes, evaluated=evaluated)
    concerned = [
        size
        for size in sizes.grid(examples)
        if (in_training and examples % size) or (in_evaluation and judging != {size})
    ]
    if concerned:
        raise ValueError(_refusal(concerned, "", fault=fault, examples=examples))
    return [f"{tries.name}.model: takes batches of one size only, that of the first: {fault}"]


def _refusal(concerned: Sequence[int], only: str, *, fault: str, examples: int) -> str:
    smaller = [str(size) for size in concerned if examples % size]
    leave = "leaves" if len(smaller) == 1 else "leave"
    last = f" ({listing(smaller)} {leave} a smaller last batch of {examples} examples)" if smaller else ""
    whose = listing([str(size) for size in concerned])
    return (
        f"batch_sizes: the model takes batches of one size only{only}. With {whose} batches of training{last} or of "
        f"evaluation have another size, which fails: {fault}. {_advice(fault)}".rstrip()
    )


def _advice(fault: str) -> str:
    """Return what to do about a size that is fixed, or nothing where the fault tells it by itself."""
    return "" if advice_on(fault) else ADVICE
