"""Why no cell is recommended, in sentences: no trial was judged, the target tells nothing, or none reached it."""

from __future__ import annotations

from bs_study.analysis.study import Analysis
from bs_study.analysis.unreached import Unanswered
from bs_study.report.sentences.places import cell_of
from bs_study.words import count, counted, goal, listing, number

_LONGEST = 200  # characters of a message that a sentence quotes
_ENDED = {
    "failed": "failed",
    "diverged": "diverged",
    "out_of_memory": "ran out of memory",
    "not_evaluated": "ended before an evaluation",
}


def unanswered(why: Unanswered, *, is_of_function: bool = False) -> list[str]:
    """Return that no trial could be judged, how they ended, what most of them said, and what to do.

    Args:
        why: how they ended.
        is_of_function: a function trained by itself, which no check runs.

    >>> print(*unanswered(Unanswered({"failed": 3}, "ValueError: no", 2)), sep="\\n")
    All 3 trials failed, so there is no answer.
    2 of them say: “ValueError: no”.
    To see more, run one batch through the workload with --check. --resume tries failed trials again.
    """
    total = sum(why.why.values())
    parts = [f"{count(trials)} {_ENDED[name]}" for name, trials in why.why.items()]
    only = _ENDED[next(iter(why.why))]
    all_of_one = f"The only trial {only}" if total == 1 else f"All {counted(total, 'trial')} {only}"
    ends = all_of_one if len(parts) == 1 else f"None of {counted(total, 'trial')} could be judged: {listing(parts)}"
    told = [f"{ends}, so there is no answer."]
    if why.message:
        who = "It says" if total == 1 else f"{count(why.messages)} of them {'says' if why.messages == 1 else 'say'}"
        told.append(f"{who}: “{_shortened(why.message)}”.")
    if "failed" in why.why:
        look = "" if is_of_function else "To see more, run one batch through the workload with --check. "
        told.append(f"{look}--resume tries failed trials again.")
    return told


def _shortened(message: str) -> str:
    return message if len(message) <= _LONGEST else f"{message[: _LONGEST - 1]}…"


def no_recommendation(found: Analysis) -> list[str]:
    """Return why trials that were judged give no recommendation, and which cell came closest."""
    reasons = {doubt.reason for doubt in found.recommendation.doubts}
    wanted = goal(found.recommendation.target)
    none = "so the study recommends no batch size."
    metric = found.recommendation.target.metric if found.recommendation.target else "metric"
    if "initial_weights" in reasons:
        return [f"The initial weights meet {wanted} already{_initial(found)}, {none}"]
    if reasons & {"first_look", "out_of_range"}:
        return [f"The target tells nothing, {none}"]
    reached = int(found.tables.convergence["reached"].sum())
    if "no_clock" in reasons:
        told = f"{counted(reached, 'trial')} reached {wanted} at times that no clock covers, as those of warm-up."
        if found.rows is not None and found.rows.is_imported:
            some = " all" if found.tables.times["train_seconds_to_target"].notna().any() else ""
            told = (
                f"{counted(reached, 'trial')} reached {wanted}, and the imported runs do not{some} tell how long that "
                "took."
            )
        return [told, "So no batch size is known to be the fastest, and the study recommends none."]
    told_of = [f"No trial reached {wanted}, {none}"]
    if "out_of_reach" in reasons:
        told_of = [f"No trial can reach {wanted}, since {metric} is a fraction, at most 1, {none}"]
    elif reached:
        told_of = [
            f"No cell reached {wanted} with most of its seeds, {none}",
            f"{counted(reached, 'trial')} reached it.",
        ]
    closest = found.recommendation.closest
    if closest is None:
        return told_of
    return [*told_of, f"The closest came {cell_of(closest.cell)}, with {metric} {number(closest.metric, digits=4)}."]


def _initial(found: Analysis) -> str:
    """Return the metric that they have, of the trials of which they meet it."""
    told = next((one for one in found.warnings if one.kind == "initial_weights"), None)
    return f", with {listing(told.names)} {number(told.numbers['metric'])}" if told else ""
