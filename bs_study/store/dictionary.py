"""The columns of a store, with meanings and units, as a Markdown table: ``python -m bs_study.store.dictionary``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bs_study.store.schema import COLUMNS, KEY_COLUMNS, SETTINGS, TABLES, Column, Table
from bs_study.streams import use_plain_streams


def column_table() -> str:
    """Return a row per table: each column with its meaning, and its unit where the name does not end with it.

    What `trials` and `timings` share stands in a row of its own, and a setting by its name.
    """
    shared = [column for column in COLUMNS["trials"] if column in COLUMNS["timings"] and column not in SETTINGS]
    rows = [("all", _explained(KEY_COLUMNS))]
    rows += [(table, _own_columns(table, shared)) for table in TABLES]
    rows += [("trials and timings", _explained(shared)), ("trials: settings", _named(SETTINGS))]
    return "\n".join(["| table | columns |", "|---|---|", *(f"| {name} | {columns} |" for name, columns in rows)])


def _own_columns(table: Table, shared: Iterable[Column]) -> str:
    columns = [column for column in COLUMNS[table] if column not in (*shared, *SETTINGS)]
    more = {
        "evaluations": ", and a column for each metric, as `loss` (nats per example) and `accuracy` (fraction)",
        "timings": f", and of the settings {_named(column for column in COLUMNS['timings'] if column in SETTINGS)}",
    }
    return _explained(columns) + more.get(table, "")


def _explained(columns: Iterable[Column]) -> str:
    return ", ".join(f"`{column.name}` ({'; '.join(_words(column))})" for column in columns)


def _words(column: Column) -> Iterator[str]:
    yield column.meaning
    if column.own_unit:
        yield column.own_unit


def _named(columns: Iterable[Column]) -> str:
    return ", ".join(f"`{column.name}`" for column in columns)


if __name__ == "__main__":
    from bs_study.process.command import run_command

    use_plain_streams()
    run_command(lambda: print(column_table()) or 0, interrupted="interrupted")  # noqa: T201  the terminal is its output
