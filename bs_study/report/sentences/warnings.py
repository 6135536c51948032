"""What a reader must know before the numbers, in a sentence or more for each warning."""

from __future__ import annotations

from collections.abc import Callable

from bs_study.analysis.study import Analysis
from bs_study.analysis.warnings import Kind, Warning
from bs_study.config.search import FARTHEST
from bs_study.report.sentences.places import cells_of, sizes_of
from bs_study.report.sentences.times import clock_of
from bs_study.words import count, counted, goal, listing, number, sentence, some_sizes, times

ALARMS: tuple[Kind, ...] = (
    "clock_alarm", "several_versions", "left_out", "initial_weights", "first_look", "out_of_range", "out_of_reach",
)  # fmt: skip
"""What is wrong with a study: until it is mended its numbers say little."""

MOST_FILES = 5


def warning(record: Warning, found: Analysis) -> str:
    """Return a warning in sentences."""
    return _KINDS[record.kind](record, found)


def _no_target(record: Warning, found: Analysis) -> str:
    return "No target is known, so no cell can be ranked. Ask for one, as --target accuracy=0.98."


def _clock_alarm(record: Warning, found: Analysis) -> str:
    at, ratio = some_sizes(record.batch_sizes), record.numbers.get("ratio")
    what = f"iterations at {at} are faster than their compute allows"
    if "peak" in "".join(record.names):
        by = f" by {times(ratio)}" if ratio else ""
        what = f"iterations at {at} exceed the peak FLOP/s of the device{by}"
    return f"The clock can't be right: {what}. Trust no ranking by it."


def _several_versions(record: Warning, found: Analysis) -> str:
    told = dict(record.numbers)
    judged = count(told.pop("judged"))
    of_each = listing([f"{count(trials)} of version {name.removeprefix('version_')}" for name, trials in told.items()])
    since = f", which began {record.names[0].replace('T', ' ').replace('+00:00', ' UTC')}" if record.names else ""
    return (
        f"The workload or its data changed while the study went on. Its trials are not pooled: {of_each}. "
        f"All that is said here is of version {judged} alone{since}."
    )


def _left_out(record: Warning, found: Analysis) -> str:
    files, more = len(record.names), len(record.names) - MOST_FILES
    out = (
        "1 file is left out, with what it holds"
        if files == 1
        else f"{count(files)} files are left out, with what they hold"
    )
    told = [f"File {file.removesuffix('.')}." for file in record.names[:MOST_FILES]]
    others = [f"And {count(more)} more."] if more > 0 else []
    return " ".join([f"{out}.", *told, *others])


def _initial_weights(record: Warning, found: Analysis) -> str:
    told = record.numbers
    which = "" if told["trials"] == told["of_trials"] else f" of {count(told['trials'])} trials"
    at = f"{listing(record.names)} {number(told['metric'])}"
    so = "so a time to it tells nothing. Ask for a harder one."
    return f"The initial weights{which} meet {_goal(found)} already, with {at}, {so}"


def _out_of_reach(record: Warning, found: Analysis) -> str:
    name = listing(record.names) or "the metric"
    return sentence(f"{name} is a fraction, at most 1, so no trial can reach {_goal(found)}")


def _first_look(record: Warning, found: Analysis) -> str:
    met = f"Every trial that reached {_goal(found)} met it at its first evaluation"
    return f"{met}, so the target tells nothing. Ask for a harder one."


def _out_of_range(record: Warning, found: Analysis) -> str:
    name = listing(record.names) or "the metric"
    return sentence(f"{name} leaves the range of a fraction, so the target tells nothing")


def _goal(found: Analysis) -> str:
    target = found.recommendation.target
    return goal(target) if target else "the target"


def _target_in_noise(record: Warning, found: Analysis) -> str:
    told, name = record.numbers, listing(record.names) or "metric"
    cells = f"{count(told['cells'])} of {counted(told['of_cells'], 'cell')}"
    error = f"On {counted(told['examples'], 'held-out example')} its standard error is {number(told['noise'])}."
    near = f"The best {name} of {cells} lies within chance of the target."
    return f"{near} {error} Luck decides which of them reach it, so only more seeds can tell."


def _different_targets(record: Warning, found: Analysis) -> str:
    several = f"{count(len(record.names))} different targets" if record.names else "different targets"
    return f"Trials had {several} of their own. Here all are judged by {_goal(found)}."


def _lr_on_edge(record: Warning, found: Analysis) -> str:
    side = {"low": "the smallest tried", "high": "the largest tried", "both": "the only one there is"}
    places = [cell[:2] for cell in record.cells] or [(record.recipe, size) for size in record.batch_sizes]
    edge = side.get("".join(record.names), "on the edge of those tried")
    return f"The best lr of {sizes_of(places)} is {edge}. A better one may lie beyond."


def _search_stopped(record: Warning, found: Analysis) -> str:
    told = _STOPPED.get("".join(record.names), "")
    at = sizes_of([(record.recipe, size) for size in record.batch_sizes])
    return f"The search for the best lr of {at} stopped early.{f' {told}.' if told else ''}"


_STOPPED = {
    "limit": f"It was {FARTHEST} times from where it began, or as small a part. A better lr may lie beyond",
    "diverged": "All lrs that it tried diverged",
    "nothing_reached": "No lr reached the target, and those on both sides of the least loss were no better",
    "out_of_memory": "No trial fit in memory",
    "failed": "All trials failed",
}


def _failed(record: Warning, found: Analysis) -> str:
    failed, trials = record.numbers["failed"], record.numbers["trials"]
    gives = "gives" if failed == 1 else "give"
    return f"{count(failed)} of {counted(trials, 'trial')} failed and {gives} no answer."


def _diverged_later(record: Warning, found: Analysis) -> str:
    return f"Reached the target and diverged later: {cells_of(record.cells)}."


def _untimed(record: Warning, found: Analysis) -> str:
    why = "The timing pass lacks a batch size of these trials, or ran on another kind of machine."
    return f"{why} Its times are left out."


def _one_timing(record: Warning, found: Analysis) -> str:
    clean, own = (clock_of(clock, found) for clock in ("clean_seconds", "train_seconds"))
    rules = f"Each batch size was timed alone with one update rule, and the trials have {listing(record.names)}."
    return f"{rules} {sentence(f'{clean} leaves out what one costs more than another')} {sentence(f'{own} has it')}"


def _differing_settings(record: Warning, found: Analysis) -> str:
    return f"Trials{_of(record)} differ in {listing(record.names)}: cells may differ for that reason."


def _differing_budgets(record: Warning, found: Analysis) -> str:
    return (
        f"Trials{_of(record)} had different budgets ({listing(record.names)}). "
        "Where a cell missed the target, compare the budgets before the cells."
    )


def _of(record: Warning) -> str:
    return f" of “{record.recipe}”" if record.recipe else ""


def _looks_differ(record: Warning, found: Analysis) -> str:
    (close, far), told = record.batch_sizes, record.numbers
    apart = f"{times(told['smallest'])} the iterations at batch size {close}, at {times(told['largest'])} at {far}"
    return f"Evaluations come at {apart}. The rarer they are, the longer a time to the target seems."


_KINDS: dict[Kind, Callable[[Warning, Analysis], str]] = {
    "no_target": _no_target,
    "clock_alarm": _clock_alarm,
    "several_versions": _several_versions,
    "left_out": _left_out,
    "initial_weights": _initial_weights,
    "first_look": _first_look,
    "out_of_range": _out_of_range,
    "out_of_reach": _out_of_reach,
    "target_in_noise": _target_in_noise,
    "different_targets": _different_targets,
    "lr_on_edge": _lr_on_edge,
    "search_stopped": _search_stopped,
    "failed": _failed,
    "diverged_later": _diverged_later,
    "untimed": _untimed,
    "one_timing": _one_timing,
    "differing_settings": _differing_settings,
    "differing_budgets": _differing_budgets,
    "looks_differ": _looks_differ,
}
