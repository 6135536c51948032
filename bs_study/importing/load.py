"""From files that were made elsewhere to a study in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bs_study.importing.columns import FIELDS, refuse_unfit_map
from bs_study.importing.runs import Imported, read_runs
from bs_study.importing.sheet import Sheet, read_sheet
from bs_study.importing.study import free_place, write_study
from bs_study.importing.trackers import DATABASE, read_tracker
from bs_study.importing.wide import with_rows_of_runs
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import table_schema
from bs_study.target import Target
from bs_study.words import shortened, shown


def load_runs(
    files: Sequence[str],
    *,
    study: str,
    target: Target,
    mapped: Mapping[str, str],
    runs: str | None = None,
    store: str = "results",
) -> tuple[StudyPaths, Imported]:
    """Import runs as a new study; return where it is, and what was read.

    Args:
        files: CSV, Parquet or JSON Lines, folders of TensorBoard or MLflow, or MLflow's database.
        study: its name.
        target: by which runs are judged.
        mapped: the column of each field and metric that does not have its name.
        runs: a file with batch size, lr and seed of each run, where the others lack them.
        store: folder or URI.

    Raises:
        ValueError: something can't be imported; the message names file and line. Nothing is written then.
        OSError: a file can't be read, or the store can't be written to.
    """
    refuse_unfit_map(mapped)
    if target.metric in {*FIELDS, *table_schema("evaluations").names}:
        raise ValueError(f"target: {shown(target.metric)} is no metric. Name the metric that is to be reached")
    paths = free_place(store, study)
    sheets = [sheet for file in files for sheet in _sheets(file, is_one=len(files) == 1, mapped=mapped)]
    imported = read_runs(sheets, mapped=mapped, target=target, of_runs=read_sheet(runs) if runs else None)
    write_study(paths, imported, target=target, sources=[str(file) for file in files])
    return paths, imported


def _sheets(file: str, *, is_one: bool, mapped: Mapping[str, str]) -> list[Sheet]:
    """Return the rows of a file, or of each run in a folder. Of several files without a column run, each is a run."""
    path = Path(file).expanduser()
    if path.is_dir() or (path.suffix == DATABASE and path.exists()):
        return read_tracker(file)
    sheet = with_rows_of_runs(read_sheet(file), mapped)
    if is_one or {"run", mapped.get("run")} & set(sheet.columns):
        return [sheet]
    return [replace(sheet, run=path.stem or shortened(file))]
