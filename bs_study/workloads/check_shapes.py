"""Which batch sizes of a study a workload can't be trained or evaluated with: last batches of an epoch included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bs_study.words import counted, listing
from bs_study.workloads.check_example import refuse_bad_example
from bs_study.workloads.tries import Batch, Tries

MOST_DISTANCE = 20  # from a batch size that fails, within which one is looked for that does not


@dataclass(frozen=True)
class Sizes:
    """The sizes of batches that a study asks for; none where only its workload is looked at.

    Args:
        batch_sizes: of the grid.
        eval_batch_size: of evaluations.
    """

    batch_sizes: tuple[int, ...] = ()
    eval_batch_size: int | None = None

    def grid(self, examples: int) -> list[int]:
        """Return the batch sizes that a training set has enough examples for; others are refused elsewhere."""
        return [size for size in self.batch_sizes if size <= examples]


def refuse_training_sizes(tries: Tries, sizes: Sizes, *, usual: int, examples: int) -> None:
    """Raise if a batch of a size that the study trains on fails, the last batch of an epoch included.

    Args:
        tries: what a batch shows.
        sizes: of the study.
        usual: a size to look at a workload with. If it fails, a look at one batch tells why.
        examples: of the training set.

    Raises:
        ValueError: the message says which batch sizes of the grid fail, why, and which near them would not.
    """
    if tries.fault(usual):
        return
    again = tries.fault_in_a_row(Batch(usual), Batch(usual))
    if again:
        raise ValueError(f"{again} (in the second batch that a model trains on)")
    grid = sizes.grid(examples)
    fails = [size for size in sorted({*grid, *(examples % size for size in grid)} - {0}) if tries.fault(size)]
    if not fails:
        return
    refuse_bad_example(tries, Batch(fails[0]), usual=usual)
    concerned = [size for size in grid if size in fails or examples % size in fails]

    def passes(size: int, *, of: int = examples) -> bool:
        return size <= of and not tries.fault(size) and not (of % size and tries.fault(of % size))

    left = examples % concerned[0]
    can_leave_out = all(passes(size, of=examples - left) for size in grid)  # then those that fail have no rest
    told = "; ".join(failing(size, grid, examples=examples) for size in fails)
    near = [_nearest(size, besides=grid, passes=passes) for size in concerned]
    ways = _ways("batch size", near, out_of="train_data", left_out=left if can_leave_out else 0)
    raise ValueError(f"batch_sizes: {told}, which fails: {tries.fault(fails[0])}{ways}")


def refuse_evaluation_sizes(tries: Tries, sizes: Sizes, *, usual: int, examples: int) -> None:
    """Raise if a batch of an evaluation fails by its size, the last one included.

    Args:
        tries: what a batch shows.
        sizes: of the study.
        usual: a size to look at a workload with. If it fails, a look at one batch tells why.
        examples: of the held-out set.

    Raises:
        ValueError: the message says what fails, why, and which `eval_batch_size` would not.
    """
    size = min(sizes.eval_batch_size or usual, examples)

    def fails(size: int) -> str | None:
        return tries.fault(size, is_trained=False) if size else None

    def passes(size: int) -> bool:
        return size <= examples and not fails(size) and not fails(examples % size)

    failed = next((tried for tried in (examples % size, size) if fails(tried)), None)
    if failed is None:
        return
    refuse_bad_example(tries, Batch(failed, is_trained=False), usual=usual)
    if fails(min(usual, examples)):
        return
    told = failing(failed, [size], examples=examples)
    ways = _ways("--eval-batch-size", [_nearest(size, besides=[], passes=passes)], out_of="eval_data", left_out=0)
    raise ValueError(f"eval_batch_size: {told} of {tries.held_out_by}, which fails: {fails(failed)}{ways}")


def failing(size: int, grid: Sequence[int], *, examples: int) -> str:
    """Return which batch sizes come to batches of a size.

    >>> failing(1, [1, 8, 50], examples=401)
    '1 gives batches of 1 example, 8 and 50 leave a last batch of 1 of 401 examples'
    """
    itself = [f"{size} gives batches of {counted(size, 'example')}"] if size in grid else []
    leaving = [str(batch_size) for batch_size in grid if examples % batch_size == size]
    leave = "leaves" if len(leaving) == 1 else "leave"
    return ", ".join(
        [*itself, *([f"{listing(leaving)} {leave} a last batch of {size} of {examples} examples"] if leaving else [])]
    )


def _nearest(size: int, *, besides: Sequence[int], passes: Callable[[int], bool]) -> int | None:
    """Return the batch size next to one that passes, the smaller of two, if there is one nearby."""
    near = (size + sign * distance for distance in range(1, MOST_DISTANCE) for sign in (-1, 1))
    return next((other for other in near if other > 0 and other not in besides and passes(other)), None)


def _ways(setting: str, near: Sequence[int | None], *, out_of: str, left_out: int) -> str:
    """Return the ways out as a sentence."""
    found = [str(size) for size in dict.fromkeys(near) if size]
    ways = [f"use {setting}{'s' * (len(found) > 1)} {listing(found)}"] if found else []
    if left_out:
        ways.append(f"leave {'an example' if left_out == 1 else f'{left_out} examples'} out of {out_of}")
    text = ", or ".join(ways)
    return f". {text[0].upper()}{text[1:]}" if text else ""
