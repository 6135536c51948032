"""How sure the answer is, and what would make it surer."""

from __future__ import annotations

from bs_study.analysis.rivals import ratio_interval
from bs_study.analysis.tables import StudyTables
from bs_study.report.winners import Winner, censored_rivals, runner_up, unreached_batch_sizes
from bs_study.report.wording import amount, some_sizes
from bs_study.words import count, counted, listing, number, setting

FEW_SEEDS = 3


def certainty(tables: StudyTables, best: Winner | None) -> str:
    """Return what the answer rests on and what may overturn it: seeds, spread, the grid's edges, what is missing."""
    sentences = [_incomplete(tables)]
    if best is not None:
        sentences += [_spread(tables, best), _edges(tables, best)]
    sentences.append(_budget(tables, best))
    return " ".join(filter(None, sentences))


def _incomplete(tables: StudyTables) -> str:
    left = tables.expected_trials - tables.ended
    if left <= 0:
        return ""
    text = f"{count(left)} of {counted(tables.expected_trials, 'trial')} {'has' if left == 1 else 'have'} not ended"
    return f"{text}: the answer may change." if tables.ended else f"{text}."


def _spread(tables: StudyTables, best: Winner) -> str:
    """Compare with the runner-up, by the 95 % interval of the ratio of their times over seeds."""
    second = runner_up(tables, best)
    if best.seeds == 1:
        return "Each number is from one seed: how much chance is in it is unknown."
    if second is None:
        return ""
    name = f"The runner-up, batch size {setting(second.batch_size)}"
    if min(best.reached, second.reached) < 2:
        return f"{name}, has one seed: how much chance is in its number is unknown."
    name = f"{name} ({amount(second.value, clock=best.clock)}, {second.spread})"
    _, low, high = ratio_interval(second.times, best.times)
    interval = f"95 % interval of the ratio: {number(low)} to {number(high)}"
    if is_slower(second, best):
        return f"{name}, is slower by more than the spread over seeds ({interval})."
    if min(best.reached - best.seeds, second.reached - second.seeds) < 0:
        return f"{name}: not all seeds of the two reached the target, so their order is open."
    return f"{name}, can't be told apart from it by {counted(best.seeds, 'seed')} ({interval})."


def is_slower(second: Winner, best: Winner) -> bool:
    """Return whether a cell is slower than the best one beyond the spread over seeds, none of which missed."""
    is_whole = best.reached == best.seeds and second.reached == second.seeds
    return is_whole and ratio_interval(second.times, best.times)[1] > 1


def _edges(tables: StudyTables, best: Winner) -> str:
    cells = tables.convergence
    sizes = sorted(cells["batch_size"].unique())
    lrs = sorted(cells.loc[cells["batch_size"] == best.batch_size, "lr"])
    edges = [
        f"the {end} {noun} tried"
        for noun, value, tried in (("batch size", best.batch_size, sizes), ("lr", best.lr, lrs))
        for end, place in (("smallest", 0), ("largest", -1))
        if len(tried) > 1 and value == tried[place]
    ]
    edges += ["the only lr tried"] if len(lrs) == 1 else []
    own = f"It lies on the edge of the grid ({listing(edges)}): a better one may lie beyond." if edges else ""
    return " ".join(filter(None, [own, _edges_of_others(tables, best)]))


def _edges_of_others(tables: StudyTables, best: Winner) -> str:
    scaling = tables.scaling
    on_edge = scaling[(scaling["best_lr_on_edge"] != "") & (scaling["batch_size"] != best.batch_size)]
    if on_edge.empty:
        return ""
    names = some_sizes([int(size) for size in on_edge["batch_size"]])
    they = "it" if len(on_edge) == 1 else "they"
    return f"The best lr of {names} lies on the edge of the grid: with a better one {they} might win."


def _budget(tables: StudyTables, best: Winner | None) -> str:
    """Say whether a cell that ran out of budget could have won."""
    cells = tables.convergence
    missed = cells[cells["missed"] > 0] if len(cells) else cells
    if missed.empty:
        return ""
    if best is None:
        budgets = [text for text in missed["budget"].unique() if text]
        return f"Trials were cut off at {listing(budgets)}: they might have reached it later." if budgets else ""
    rivals = censored_rivals(tables, best)
    if rivals:
        text = "cell that missed was cut off" if rivals == 1 else "cells that missed were cut off"
        return f"{count(rivals)} {text} before that time, and might have been quicker."
    return "Every cell that missed had already run longer than that when its budget ended."


def next_steps(tables: StudyTables, best: Winner | None) -> str:
    """Return what would make the answer surer, in one sentence; empty where the grid leaves nothing to add."""
    steps = [_finish(tables), *_more_seeds(tables, best), *_more_lrs(tables), *_more_batch_sizes(tables, best)]
    missed = unreached_batch_sizes(tables, among=tables.convergence["missed"] > 0)
    if missed and (best is None or censored_rivals(tables, best)):
        steps.append(f"a larger budget ({some_sizes(missed)} missed the target)")
    if best is None and len(tables.trials) and (tables.trials["status"] == "diverged").all():
        steps.append("smaller lrs: all trials diverged")
    wanted = [step for step in steps if step]
    return f"Surer with: {'; '.join(wanted)}." if wanted else ""


def _finish(tables: StudyTables) -> str:
    left = tables.expected_trials - tables.ended
    return f"the {counted(left, 'trial')} still to end" if left > 0 else ""


def _more_seeds(tables: StudyTables, best: Winner | None) -> list[str]:
    if best is None:
        return []
    if best.seeds < FEW_SEEDS:
        return [f"at least {FEW_SEEDS} seeds"]
    second = runner_up(tables, best)
    if second is None or is_slower(second, best):
        return []
    return [f"more seeds of batch sizes {setting(best.batch_size)} and {setting(second.batch_size)}"]


def _more_lrs(tables: StudyTables) -> list[str]:
    """Return the lrs to add, batch sizes that lack the same ones together."""
    lacking: dict[str, list[int]] = {}
    on_edge = tables.scaling[tables.scaling["best_lr_on_edge"] != ""]
    for size, *lrs in on_edge[["batch_size", "add_lr_1", "add_lr_2"]].itertuples(index=False, name=None):
        lacking.setdefault(", ".join(setting(lr) for lr in lrs), []).append(int(size))
    return [f"lr {lrs} at {some_sizes(sizes)}" for lrs, sizes in lacking.items()]


def _more_batch_sizes(tables: StudyTables, best: Winner | None) -> list[str]:
    sizes = sorted(tables.convergence["batch_size"].unique())
    if best is None:
        return []
    if len(sizes) == 1:
        return ["other batch sizes"]
    if best.batch_size == sizes[0]:
        return [f"batch sizes below {setting(best.batch_size)}"] if best.batch_size > 1 else []
    return [f"batch sizes above {setting(best.batch_size)}"] if best.batch_size == sizes[-1] else []
