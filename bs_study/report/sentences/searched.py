"""How a study was searched, in sentences: which trials were cut short, and which seeds were added."""

from __future__ import annotations

from bs_study.analysis.study import Analysis
from bs_study.config import StudyConfig
from bs_study.config.search import times_as_many
from bs_study.report.outrun import is_outrun
from bs_study.words import count, counted, number, setting, some_sizes


def searched(found: Analysis) -> list[str]:
    """Return how a race, a bracket or seeds at need found the answer; nothing of a full grid with a list of seeds."""
    config = found.config
    if config is None:
        return []
    told = []
    if config.search != "grid":
        told = [*_bracket(config), f"{_race(found, config)}.", _outrun(found), *_cut_too_soon(found)]
    if config.seeds == "auto":
        told.append(f"Seeds were added where they decide, up to {count(config.max_seeds)} for a cell.")
        best = found.recommendation.best
        told += ["Tables have medians of all seeds."] if best is not None and best.fresh else []
    return told


def _cut_too_soon(found: Analysis) -> list[str]:
    """Return where an lr was cut sooner than the best one's median: seeds that came later have moved that."""
    cells = found.tables.convergence
    if not outrun_trials(found):
        return []
    median = cells.groupby(["recipe", "batch_size"])["iterations_to_target"].transform("min")
    is_cut = is_outrun(cells) & (cells["censored_iterations"] < median)
    sizes = sorted(set(cells.loc[is_cut, "batch_size"]))
    return (
        [f"Another lr may be the best at {some_sizes(sizes)}: some were cut sooner than its median."] if sizes else []
    )


def outrun_trials(found: Analysis) -> int:
    """Return how many trials were outrun, whichever target is asked of them now."""
    return int((found.tables.trials["stop_reason"] == "outrun").sum()) if _is_known(found) else 0


def _is_known(found: Analysis) -> bool:
    return "stop_reason" in found.tables.trials


def _bracket(config: StudyConfig) -> list[str]:
    if config.search != "bracket" or config.lr_start is None or config.lr_factor is None:
        return []
    step = f"A bracket: lrs were tried from {setting(config.lr_start)} on, by factors of {number(config.lr_factor)}"
    half = " Then half a step on each side of the best was tried." if config.refine else ""
    return [f"{step}, until both neighbours of the best were slower.{half}"]


def _race(found: Analysis, config: StudyConfig) -> str:
    among = "recipe and batch size" if len(found.recipes) > 1 else "batch size"
    first = "A race: trials" if config.search == "race" else "Trials"
    limit = f"{times_as_many(config.margin)}the iterations in which another lr of their {among} met the target"
    return f"{first} ended after at least {limit}"


def _outrun(found: Analysis) -> str:
    trials, outrun = counted(len(found.tables.trials), "trial"), outrun_trials(found)
    if not outrun:
        return f"None of {trials} was outrun."
    return f"Of {trials}, {count(outrun)} {'was' if outrun == 1 else 'were'} outrun."
