"""A damaged file costs its own rows, with a warning that names it; the rest is read."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bs_study import open_study
from bs_study.store.paths import StudyPaths
from bs_study.store.schema import Table
from tests.faults.small_studies import (
    METRICS,
    PER_TRIAL,
    ROWS,
    TABLES,
    empty_study,
    end_trial,
    rewrite,
    run_trial,
    small_study,
    trial_files,
)


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwrite_with_noise(file: Path) -> None:
    file.write_bytes(bytes((37 * i + 11) % 256 for i in range(file.stat().st_size)))


def empty(file: Path) -> None:
    file.write_bytes(b"")


def drop_a_key(file: Path) -> None:
    rewrite(file, pq.read_table(file).drop_columns(["seed"]))


def turn_a_number_into_text(file: Path) -> None:
    rows = pq.read_table(file)
    rewrite(file, rows.set_column(3, "lr", rows["lr"].cast(pa.string())))


def come_from_a_newer_version(file: Path) -> None:
    rewrite(file, pq.read_table(file).replace_schema_metadata({b"bs_study.schema_version": b"2"}))


def name_a_version_that_is_none(file: Path) -> None:
    rewrite(file, pq.read_table(file).replace_schema_metadata({b"bs_study.schema_version": b"\xffone"}))


def become_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


Damage = Callable[[Path], None]
DAMAGES: list[Damage] = [
    cut_short,
    overwrite_with_noise,
    empty,
    drop_a_key,
    turn_a_number_into_text,
    come_from_a_newer_version,
    name_a_version_that_is_none,
    become_a_folder,
]


@pytest.fixture
def paths(tmp_path: Path) -> StudyPaths:
    return small_study(tmp_path / "study")


def rows(paths: StudyPaths, table: Table, *, live: bool = False, strict: bool = False) -> pd.DataFrame:
    found: pd.DataFrame = getattr(open_study(paths.root, live=live, strict=strict), table)()
    return found


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("table", TABLES)
def test_a_damaged_file_is_named_and_the_other_trials_rows_are_read(
    paths: StudyPaths, table: Table, damage: Damage
) -> None:
    damaged, sound = trial_files(paths, table)
    damage(damaged)
    with pytest.warns(UserWarning, match=damaged.name):
        found = rows(paths, table)
    assert found["trial_id"].tolist() == [sound.stem] * PER_TRIAL[table]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_strict_reader_refuses_a_study_with_a_damaged_file_by_its_name(paths: StudyPaths, damage: Damage) -> None:
    damaged, _ = trial_files(paths, "iterations")
    damage(damaged)
    with pytest.raises(ValueError, match=damaged.name):
        rows(paths, "iterations", strict=True)


def test_all_files_damaged_leave_an_empty_table_with_its_columns(paths: StudyPaths) -> None:
    columns = rows(paths, "epochs").columns.tolist()
    for file in trial_files(paths, "epochs"):
        empty(file)
    with pytest.warns(UserWarning, match="epochs"):
        found = rows(paths, "epochs")
    assert (len(found), found.columns.tolist()) == (0, columns)


def test_a_newer_schema_version_says_that_bs_study_is_to_be_upgraded(paths: StudyPaths) -> None:
    come_from_a_newer_version(trial_files(paths, "iterations")[0])
    with pytest.warns(UserWarning, match=r"schema version 2 is newer than 1.*[Uu]pgrade bs-study"):
        rows(paths, "iterations")


def test_a_page_whose_bytes_changed_is_noticed_where_the_file_has_checksums(paths: StudyPaths) -> None:
    damaged, sound = trial_files(paths, "iterations")
    pq.write_table(pq.read_table(damaged), damaged, compression="none", use_dictionary=False, write_page_checksum=True)
    content = bytearray(damaged.read_bytes())
    loss = pq.read_metadata(damaged).row_group(0).column(8)
    content[loss.data_page_offset + loss.total_compressed_size - 1] ^= 1
    damaged.write_bytes(content)
    with pytest.warns(UserWarning, match=damaged.name):
        assert set(rows(paths, "iterations")["trial_id"]) == {sound.stem}


def test_text_that_is_no_utf8_costs_the_files_rows_only(paths: StudyPaths) -> None:
    damaged, sound = trial_files(paths, "trials")
    table = pq.read_table(damaged)
    bad = pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff\xfe"]).buffers())
    rewrite(damaged, table.set_column(table.schema.get_field_index("message"), "message", bad))
    with pytest.warns(UserWarning, match=damaged.name):
        assert rows(paths, "trials")["trial_id"].tolist() == [sound.stem]


def test_filters_and_columns_still_work_around_a_damaged_file(paths: StudyPaths) -> None:
    damaged, sound = trial_files(paths, "iterations")
    cut_short(damaged)
    study = open_study(paths.root)
    with pytest.warns(UserWarning, match=damaged.name):
        assert study.iterations(["loss"], iteration=[1, 2]).shape == (2, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(study.iterations(trial_id=sound.stem)) == 10


def test_a_column_that_no_sound_file_has_is_refused_by_its_name(paths: StudyPaths) -> None:
    with pytest.raises(KeyError, match="speed"):
        open_study(paths.root).iterations(["speed"])


def test_a_filter_that_does_not_fit_its_column_is_refused_and_blames_no_file(paths: StudyPaths) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        open_study(paths.root).iterations(batch_size="four")


def test_a_setting_that_a_trials_row_does_not_have_reads_as_null(paths: StudyPaths) -> None:
    file, _ = trial_files(paths, "trials")
    rewrite(file, pq.read_table(file).drop_columns(["loss_limit_iterations"]))
    assert rows(paths, "trials", strict=True)["loss_limit_iterations"].isna().tolist() == [True, False]


def test_an_empty_study_has_empty_tables_with_the_columns_of_its_metrics(tmp_path: Path) -> None:
    paths, _ = empty_study(tmp_path / "study")
    study = open_study(paths.root, live=True, strict=True)
    assert [len(getattr(study, table)()) for table in TABLES] == [0] * 4
    assert study.evaluations(METRICS).columns.tolist() == METRICS


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"text"', "\x00\xff", "[" * 100_000])
def test_a_damaged_study_json_is_a_warning_and_the_tables_are_read(paths: StudyPaths, content: str) -> None:
    Path(paths.study_json).write_text(content, encoding="latin-1")
    with pytest.warns(UserWarning, match=r"study\.json is damaged"):
        study = open_study(paths.root)
    assert [len(getattr(study, table)()) for table in TABLES] == [ROWS[table] for table in TABLES]
    for ask in (lambda: study.config, lambda: study.asked, lambda: open_study(paths.root, strict=True)):
        with pytest.raises(ValueError, match=r"study\.json"):
            ask()


@pytest.mark.parametrize(
    ("config", "told"),
    [(None, "config"), ({}, "batch_sizes"), ({"lrs": "x", "batch_sizes": [1]}, "lrs"), (3, "config")],
)
def test_a_config_that_is_none_is_told_in_one_line(paths: StudyPaths, config: object, told: str) -> None:
    asked = json.loads(Path(paths.study_json).read_text())
    Path(paths.study_json).write_text(json.dumps(asked | {"config": config}))
    with pytest.raises(ValueError, match=rf"study\.json.*{told}") as caught:
        _ = open_study(paths.root).config
    assert "\n" not in str(caught.value)


def test_a_study_of_a_newer_version_is_told_when_it_is_opened(paths: StudyPaths) -> None:
    asked = json.loads(Path(paths.study_json).read_text())
    Path(paths.study_json).write_text(json.dumps(asked | {"schema_version": 2}))
    with pytest.warns(UserWarning, match="schema version 2 is newer"):
        assert len(open_study(paths.root).iterations()) == 20
    with pytest.raises(ValueError, match="schema version 2 is newer"):
        open_study(paths.root, strict=True)


def test_a_damaged_part_of_a_running_trial_ends_it_before_the_gap(tmp_path: Path) -> None:
    paths, trials = empty_study(tmp_path / "study")
    end_trial(paths, trials[1])
    writer = run_trial(paths, trials[0], epochs=3)
    damaged = Path(paths.live_trial(trials[0].trial_id), writer.parts[1].file("iterations"))
    cut_short(damaged)
    with pytest.warns(UserWarning, match=damaged.name):
        found = rows(paths, "iterations", live=True)
    assert found[found["seed"] == 0]["iteration"].tolist() == [1, 2, 3, 4, 5]
    assert len(found[found["seed"] == 1]) == 10


def test_a_part_that_an_attempt_adopted_and_that_is_gone_is_named_and_ends_the_trial_there(tmp_path: Path) -> None:
    paths, trials = empty_study(tmp_path / "study")
    writer = run_trial(paths, trials[0], epochs=3)
    gone = Path(paths.live_trial(trials[0].trial_id), writer.parts[1].file("epochs"))
    gone.unlink()
    with pytest.warns(UserWarning, match=gone.name):
        assert rows(paths, "epochs", live=True)["epoch"].tolist() == [1]
    assert len(rows(paths, "iterations", live=True)) == 15


@pytest.mark.parametrize("adopted", ["", "{}", "5", "[[1]]", '[["../../../secret", 1]]', '[["..", 1]]', '[["a", "b"]]'])
def test_a_damaged_adopted_json_costs_its_trial_only_and_leads_nowhere_else(tmp_path: Path, adopted: str) -> None:
    paths, trials = empty_study(tmp_path / "study")
    end_trial(paths, trials[1])
    writer = run_trial(paths, trials[0])
    secret = tmp_path / "secret"
    secret.mkdir()
    pq.write_table(pq.read_table(trial_files(paths, "iterations")[0]), secret / "iterations-000000000001.parquet")
    file = Path(paths.live_trial(trials[0].trial_id), writer.attempt, "adopted.json")
    file.write_text(adopted)
    if adopted == "{}":  # no part is adopted, which is what it says
        assert len(rows(paths, "iterations", live=True)) == 20
        return
    with pytest.warns(UserWarning, match=trials[0].trial_id):
        assert len(rows(paths, "iterations", live=True)) == 10


@pytest.mark.parametrize("name", [".DS_Store", "notes.txt", "tmp-half"])
def test_a_stray_file_in_live_is_no_obstacle(paths: StudyPaths, name: str) -> None:
    Path(paths.live).mkdir(exist_ok=True)
    Path(paths.live, name).write_text("x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(rows(paths, "iterations", live=True)) == 20
