"""Which times a report shows: measured alone, or the clocks of trials that may have slowed each other."""

from __future__ import annotations

from bs_study.analysis.tables import StudyTables
from bs_study.words import counted, number


def time_source(tables: StudyTables) -> str:
    """Return whose times these are, in a sentence or two."""
    if not tables.is_clean:
        return f"Times: the clocks of the trials{_company(tables)}."
    spread = 100 * float(tables.clean_throughput["iteration_seconds_spread"].max())
    return (
        f"Times: measured alone, in the timing pass{_disturbed(tables)}: iterations × clean iteration time, whose "
        f"repeats differ by up to {number(spread, digits=2)} %. "
        f"Training time is by the clocks of the trials{_company(tables)}."
    )


def _company(tables: StudyTables) -> str:
    known = tables.trials["neighbours"].dropna() if "neighbours" in tables.trials else tables.trials.index[:0]
    if len(known) == 0:
        return ""
    most = int(known.max())
    return f", which shared the machine with up to {counted(most, 'other')}" if most else ", which ran alone"


def _disturbed(tables: StudyTables) -> str:
    """Say so if trials of another study ran on the machine in the meantime."""
    most = tables.clean_throughput["neighbours"].max()
    return f" (but beside {counted(int(most), 'trial')} of other studies)" if most > 0 else ""
