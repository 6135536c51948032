"""Why something is open, in clauses: several doubts of one reason are said once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from bs_study.analysis.fit import MIN_FOR_INTERVAL
from bs_study.analysis.study import Analysis
from bs_study.analysis.verdict import Claim, Doubt, Reason
from bs_study.report.sentences.doubt_group import Group
from bs_study.report.sentences.places import Place, sizes_of
from bs_study.words import count, counted

Edges = Mapping[Place, str]
"""On which edge of the lrs tried the best one lies, of recipes and batch sizes of which that is known."""


def doubt(found_doubt: Doubt, *, claim: Claim | None = None, edges: Edges | None = None) -> str:
    """Return one doubt as a clause, without capital and full stop."""
    return doubts([found_doubt], claim=claim, edges=edges)[0]


def doubts(found_doubts: Sequence[Doubt], *, claim: Claim | None = None, edges: Edges | None = None) -> list[str]:
    """Return doubts as clauses, one for each reason, in the order of the first of each.

    Args:
        claim: of which they are, where that is known: it says what was mixed.
        edges: tells the smallest lr tried from the largest.
    """
    groups: dict[tuple[Reason, str], list[Doubt]] = {}
    for one in found_doubts:
        edge = (edges or {}).get((one.recipe, one.batch_size or 0), "") if one.reason == "lr_on_edge" else ""
        groups.setdefault((one.reason, edge), []).append(one)
    return [_CLAUSES[reason](Group(group, claim, edge)) for (reason, edge), group in groups.items()]


def edges_of(found: Analysis) -> dict[Place, str]:
    """Return on which edge of the lrs tried the best one lies, by recipe and batch size, as the warnings tell it."""
    told = [warning for warning in found.warnings if warning.kind == "lr_on_edge"]
    return {cell[:2]: warning.names[0] for warning in told for cell in warning.cells if warning.names}


def _nothing_reached(group: Group) -> str:
    most = "reached the target with most of its seeds"
    if group.places:
        return f"no lr of {sizes_of(group.places)} {most}"
    return f"{group.at_lrs} no batch size {most}".strip() if group.at_lrs else f"no cell {most}"


def _not_ended(group: Group) -> str:
    if group.where:
        return f"trials of {group.where} have not ended"
    of = f" of {counted(group.total, 'cell')}" if group.total else ""
    return f"trials{of}{group.at_lrs} have not ended"


def _clock_alarm(group: Group) -> str:
    return f"the clock can't be right{f' at {sizes_of(group.places)}' if group.places else ''}"


def _one_seed(group: Group) -> str:
    if not group.where:
        return "one seed shows no spread"
    each = "" if group.is_one else " each"
    return f"{group.where} {group.has} one seed{each}, which shows no spread"


def _tie(group: Group) -> str:
    return f"{group.where} {group.has} the same median" if group.where else "medians are the same"


def _within(what: str) -> Callable[[Group], str]:
    def clause(group: Group) -> str:
        than = f" from {group.where}" if group.where else group.at_lrs
        return f"the difference{than} lies within {what}"

    return clause


def _missed_earlier(group: Group) -> str:
    return f"{group.where or 'a cell'} ended too early to tell"


def _not_tried(group: Group) -> str:
    its = "its" if group.is_one else "their"
    return f"{group.where or 'a cell'} ended at a target of {its} own, too early to tell"


def _missed_seeds(group: Group) -> str:
    return f"{counted(group.total, 'seed') if group.total else 'seeds'}{_of_where(group)} did not reach the target"


def _no_answer(group: Group) -> str:
    its = "its" if group.is_one else "their"
    if not group.where:
        return "trials failed, or were never evaluated"
    return f"{group.where} gave no answer: {its} trials failed, or were never evaluated"


def _no_clock(group: Group) -> str:
    return f"the time{_of_where(group)} is not known by this clock"


def _differing_devices(group: Group) -> str:
    return f"trials ran on {counted(group.total, 'kind') if group.total else 'several kinds'} of device"


def _disturbed_timing(group: Group) -> str:
    return f"the timing{_of_where(group)} was disturbed"


def _met_at_first_look(group: Group) -> str:
    its = "its time is" if group.is_one else "their times are"
    return f"{group.where or 'a cell'} met the target at the first evaluation, so {its} known only to be no more"


def _lr_on_edge(group: Group) -> str:
    side = {"low": "is the smallest tried", "high": "is the largest tried", "both": "is the only one there is"}
    return (
        f"the best lr{_of_where(group, is_of_cell=False)} {side.get(group.edge, 'lies on the edge of those there are')}"
    )


def _of_where(group: Group, *, is_of_cell: bool = True) -> str:
    where = group.where if is_of_cell or not group.places else sizes_of(group.places)
    return f" of {where}" if where else ""


def _few_batch_sizes(group: Group) -> str:
    counts = [one.count for one in group.doubts if one.count is not None]
    need = f"it takes {MIN_FOR_INTERVAL} batch sizes to tell"
    if not counts:
        return need
    return f"{need}, and there {'is' if max(counts) == 1 else 'are'} {_at_most(counts)}{group.at_lrs}"


def _few_lrs(group: Group) -> str:
    counts = [one.count for one in group.doubts if one.count is not None]
    return f"too few lrs were tried{f' ({_at_most(counts)})' if counts else ''}"


def _at_most(counts: Sequence[int]) -> str:
    return f"at most {count(max(counts))}" if len(set(counts)) > 1 else count(counts[0])


def _mixed(group: Group) -> str:
    return _MIXED.get(group.claim, "the numbers do not agree")  # type: ignore[arg-type]


_MIXED: dict[Claim, str] = {
    "epoch_time": "the epoch times neither fall nor rise clearly",
    "noise": "the lrs do not agree",
    "middle_batch_size": "a middle batch size is fastest at some lrs, the smallest or largest at others",
    "extremes_end_worse": "equal examples and an equal training loss tell opposite things",
    "stable_lr_at_limit": "some batch sizes are at the limit, and others are off it",
}


def _stable_to_the_edge(group: Group) -> str:
    were = "was" if group.is_one else "were"
    return f"{sizes_of(group.places) if group.places else 'a batch size'} {were} stable up to the largest lr tried"


def _always(clause: str) -> Callable[[Group], str]:
    return lambda _: clause


def _never_stable(group: Group) -> str:
    return f"no lr was stable{f' at {sizes_of(group.places)}' if group.places else ''}"


def _too_spread(group: Group) -> str:
    return f"the times{f' of {sizes_of(group.places)}' if group.places else ''} are too spread to tell"


def _far_apart(group: Group) -> str:
    return f"the step{f' to {sizes_of(group.places)}' if group.places else ' between batch sizes'} is too large to tell"


def _within_step(group: Group) -> str:
    examples = max(one.count or 0 for one in group.doubts)
    of = f" of {counted(examples, 'held-out example')}" if examples else " held-out example"
    return f"the difference{_of_where(group, is_of_cell=False)} is no more than one{of}"


_CLAUSES: dict[str, Callable[[Group], str]] = {
    "no_target": _always("no target is known"),
    "nothing_reached": _nothing_reached,
    "initial_weights": _always("the initial weights meet the target already"),
    "first_look": _always("every trial that reached the target met it at its first evaluation"),
    "out_of_range": _always("the metric leaves its natural range"),
    "out_of_reach": _always("the metric is a fraction, at most 1, and the target is above 1"),
    "clock_alarm": _clock_alarm,
    "not_ended": _not_ended,
    "alone": _always("there is nothing to compare it with"),
    "one_seed": _one_seed,
    "tie": _tie,
    "within_spread": _within("the spread over seeds"),
    "within_looks": _within("the spacing of evaluations"),
    "within_timing": _within("the spread of measured times"),
    "missed_earlier": _missed_earlier,
    "not_tried": _not_tried,
    "missed_seeds": _missed_seeds,
    "no_answer": _no_answer,
    "no_clock": _no_clock,
    "differing_devices": _differing_devices,
    "disturbed_timing": _disturbed_timing,
    "met_at_first_look": _met_at_first_look,
    "lr_on_edge": _lr_on_edge,
    "few_batch_sizes": _few_batch_sizes,
    "few_lrs": _few_lrs,
    "slope_unclear": _always("the interval of the slope leaves it open"),
    "mixed": _mixed,
    "equal_loss_unclear": _always("the noise at an equal loss level leaves it open"),
    "narrow_range": _always("the batch sizes tried span too little"),
    "far_apart": _far_apart,
    "too_spread": _too_spread,
    "never_stable": _never_stable,
    "stable_to_the_edge": _stable_to_the_edge,
    "ended_apart": _always("trials ended at different numbers of examples, so their ends are not compared"),
    "ended_at_target": _always(
        "trials ended at the target, at different numbers of examples, so their ends are not compared"
    ),
    "within_step": _within_step,
    "training_loss_unclear": lambda group: (
        f"at an equal training loss the difference{_of_where(group, is_of_cell=False)} is not known"
    ),
    "no_curvature": _always("no curvature was measured"),
    "lr_decayed": lambda group: (
        f"the lr{_of_where(group, is_of_cell=False)} was no longer its first when the sharpness was measured"
    ),
    "limit_unclear": lambda group: f"the spread over seeds{_of_where(group, is_of_cell=False)} leaves it open",
}


def as_sentences(clauses: Iterable[str], *, first: str) -> list[str]:
    """Return clauses as sentences, the first after a word such as 'Undecided'."""
    each = list(clauses)
    return [f"{first}: {each[0]}.", *(f"{clause[0].upper()}{clause[1:]}." for clause in each[1:])] if each else []
