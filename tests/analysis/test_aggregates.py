"""What is kept beside the report spares reading, and never changes a number."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from bs_study import Study
from bs_study.analysis.windows import smoothness
from bs_study.store.kept import VERSION
from bs_study.store.paths import StudyPaths
from tests.analysis.per_example import stable_loss


def losses(count, seed, level=0.0):
    return level + stable_loss("gamma", "exponential", batch_size=8, count=count, rng=np.random.default_rng(seed))


@pytest.fixture
def reads(monkeypatch):
    """The trials whose iterations were read since it was last cleared."""
    found = []
    each_trial = Study.each_trial

    def counted(self, function, table, columns, trial_ids):
        found.extend(trial_ids)
        return each_trial(self, function, table, columns, trial_ids)

    monkeypatch.setattr(Study, "each_trial", counted)
    return found


@pytest.fixture
def some(trial):
    """Two batch sizes, two seeds, one trial that was out of memory and one that diverged."""
    return [
        trial(10, 0.1, seed=0, loss=losses(300, 0)),
        trial(10, 0.1, seed=1, loss=losses(320, 1)),
        trial(20, 0.1, seed=0, loss=losses(260, 2)),
        trial(20, 0.1, seed=1, loss=losses(400, 3)),
        trial(20, 0.2, columns={"status": "out_of_memory"}),
        trial(20, 0.4, loss=[2.0, 9.0, np.inf], columns={"status": "diverged"}),
    ]


@pytest.fixture
def grow(write_study_in, tmp_path_factory):
    """Add a trial to a study, whose other files stay as they are."""

    def add(study, new):
        folder = tmp_path_factory.mktemp("grown")
        write_study_in(folder, [new])
        for file in folder.rglob("*.parquet"):
            shutil.copy(file, Path(study.paths.root, file.relative_to(folder)))

    return add


def table(study, **options):
    return smoothness(study, study.trials(), **options)


def assert_same(found, study):
    """It is the table that a store without anything kept gives."""
    shutil.rmtree(Path(study.paths.root, "report"), ignore_errors=True)
    pd.testing.assert_frame_equal(found, table(study), check_exact=True)


def test_a_second_time_no_iteration_is_read_and_the_table_is_the_same(write_study, some, reads):
    study = write_study(some)
    first = table(study, keep=True)
    reads.clear()
    second = table(study)
    assert reads == []
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert_same(second, study)


def test_nothing_is_written_unless_asked_for(write_study, some):
    study = write_study(some)
    table(study)
    assert not Path(study.paths.root, "report").exists()


def test_of_a_grown_study_the_new_trials_are_read(write_study, some, trial, grow, reads):
    study = write_study(some)
    table(study, keep=True)
    reads.clear()
    grow(study, trial(10, 0.2, loss=losses(500, 4, level=0.5)))  # longer and worse than others: no limit changes
    found = table(study, keep=True)
    assert set(reads) == {"b10-lr0.2-s0"}
    assert_same(found, study)


@pytest.mark.parametrize("grown_by", ["fewer examples", "a higher level"])
def test_where_a_new_trial_changes_a_limit_those_that_have_the_window_are_read_for_it(
    write_study, some, trial, grow, reads, grown_by
):
    study = write_study(some)
    before = table(study, keep=True)
    reads.clear()
    new = {
        "fewer examples": trial(10, 0.2, loss=losses(200, 4)),
        "a higher level": trial(40, 0.1, loss=losses(300, 4, level=0.5)),
    }[grown_by]
    grow(study, new)
    found = table(study, keep=True)
    assert set(found["limit"]) != set(before["limit"])
    assert "b10-lr0.1-s0" in reads
    assert not {"b20-lr0.2-s0", "b20-lr0.4-s0"} & set(reads)  # they have neither window
    assert_same(found, study)


def test_a_trial_that_was_run_again_is_read_again(write_study, some, trial, reads):
    table(write_study(some), keep=True)
    reads.clear()
    study = write_study([trial(10, 0.1, seed=0, loss=losses(300, 99)), *some[1:]])
    found = table(study)
    assert "b10-lr0.1-s0" in reads
    assert_same(found, study)


@pytest.mark.parametrize("damage", ["cut", "noise", "another version", "a folder"])
def test_what_is_kept_and_damaged_is_made_again(write_study, some, reads, damage):
    study = write_study(some)
    table(study, keep=True)
    (file,) = Path(study.paths.root, "report").iterdir()
    if damage == "a folder":
        file.unlink()
        file.mkdir()
    elif damage == "another version":
        pq.write_table(pq.read_table(file).replace_schema_metadata({VERSION: b"0"}), file)
    else:
        file.write_bytes(file.read_bytes()[:200] if damage == "cut" else b"noise" * 100)
    reads.clear()
    found = table(study, keep=True)
    assert len(set(reads)) == len(some)
    assert_same(found, study)


def test_a_store_that_takes_no_file_is_no_obstacle(write_study, some, monkeypatch):
    def refuse(self, path, data):
        raise OSError(30, "Read-only file system")

    study = write_study(some)
    monkeypatch.setattr(StudyPaths, "write", refuse)
    assert_same(table(study, keep=True), study)


def test_a_trial_whose_file_is_damaged_is_told_each_time(write_study, some):
    study = write_study(some)
    file = Path(study.paths.trial_file("iterations", "b10-lr0.1-s0"))
    file.write_bytes(file.read_bytes()[:100])
    for _ in range(2):
        with pytest.warns(UserWarning, match=file.name):
            table(study, keep=True)
