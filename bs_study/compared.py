"""`compare(a, b)`: two studies side by side, and what can't be compared or pooled refused in a line."""

from __future__ import annotations

import os

from bs_study.analysis.differences import Differences, Fingerprint, differences
from bs_study.analysis.pooling import pooled_rows, same_recipes
from bs_study.analysis.rows import StudyRows
from bs_study.analysis.side_by_side import SideBySide, side_by_side
from bs_study.analysis.study import Analysis, analyse_rows
from bs_study.answer import analyse
from bs_study.store import Study
from bs_study.store.versions import known_versions
from bs_study.target import Target


def compare(a: Study, b: Study, *, target: Target | str | None = None, pool: bool = False) -> SideBySide:
    """Return how two studies compare: how they differ, what each recommends, and which is sooner.

    Args:
        a, b: as `open_study` returns them.
        target: by which both are judged, as "accuracy>=0.97"; where they have one target it may be left out.
        pool: give cells that both have, with all settings the same, the seeds of both.

    Raises:
        ValueError: they are one study, one of them can't be read or has no ended trial; their targets differ and none
            is given, or it can't be judged by; they count a target by windows that differ; nothing can be pooled.
    """
    if _place(a) == _place(b):
        raise ValueError(f"compare: {a.paths.uri} is given twice. Give two studies")
    first, second = _analysed(a, target), _analysed(b, target)
    rows = _rows_of(a, first), _rows_of(b, second)
    _refuse_other_targets(a, b, *rows, asked=target is not None)
    told = differences(*rows, fingerprints=(_fingerprint(a, rows[0]), _fingerprint(b, rows[1])))
    if not pool:
        return side_by_side(first, second, told)
    _refuse_to_pool(*rows, told)
    united = pooled_rows(*rows)
    if not united.pooled.cells:
        raise ValueError(
            "pool: the two studies share no cell of the same settings, batch size and lr. Leave --pool out"
        )
    first, second = _again(first, united.a), _again(second, united.b)
    return side_by_side(first, second, told, pooled=united.pooled)


def _place(study: Study) -> str:
    return os.path.realpath(study.paths.root) if study.paths.is_local else study.paths.uri


def _analysed(study: Study, target: Target | str | None) -> Analysis:
    """Return what a study says; what is wrong with it names the study."""
    try:
        _ = study.config
        return analyse(study, target)
    except KeyError as error:
        raise ValueError(f"{study.paths.uri}: {error.args[0]}") from error
    except ValueError as error:
        uri = study.paths.uri
        raise ValueError(str(error) if uri in str(error) else f"{uri}: {error}") from error


def _rows_of(study: Study, found: Analysis) -> StudyRows:
    if found.rows is None or found.rows.trials.empty:
        raise ValueError(f"{study.paths.uri}: no trial has ended, so there is nothing to compare. Wait for one")
    return found.rows


def _again(found: Analysis, rows: StudyRows) -> Analysis:
    return analyse_rows(rows, target=found.recommendation.target, name=found.name, uri=found.uri)


def _refuse_other_targets(a: Study, b: Study, first: StudyRows, second: StudyRows, *, asked: bool) -> None:
    if not asked and first.target != second.target:
        own = [f"{study.name} has {rows.target or 'none'}" for study, rows in ((a, first), (b, second))]
        given = (first.target or second.target or Target("accuracy", 0.97)).in_shell
        raise ValueError(f"target: the studies have two, {' and '.join(own)}. Give one for both, as --target {given}")
    if not asked and first.target is None:
        raise ValueError("target: the studies have none. Give one for both, as --target 'accuracy>=0.97'")
    if first.target_window != second.target_window:
        windows = f"{first.target_window} in {a.name} and {second.target_window} in {b.name}"
        raise ValueError(f"target_window: it is {windows}, so a target means two things. Compare studies of one window")


def _fingerprint(study: Study, rows: StudyRows) -> Fingerprint:
    """Return the fingerprint of the version of workload and data that is judged; empty where it is not known."""
    own = [one for one in known_versions(study.known_asked) if one["version"] == rows.versions.judged]
    return own[-1] if own else {}


def _refuse_to_pool(a: StudyRows, b: StudyRows, told: Differences) -> None:
    if not all(one.get("source") and one.get("data") for one in told.fingerprints):
        why = "study.json does not say of both which version of workload and data they trained"
    elif told.is_other_workload:
        why = "workload or data of the two studies differ"
    elif not same_recipes(a, b):
        names = [one.name for one in told.settings]
        of_grid = {"batch_sizes", "lrs", "seeds", "max_seeds"}
        apart = [name for name in names if name not in of_grid] or names
        why = (
            f"no recipe has the same settings in both ({', '.join(apart)} {'differs' if len(apart) == 1 else 'differ'})"
        )
    else:
        return
    raise ValueError(f"pool: nothing can be pooled, since {why}. Leave --pool out")
