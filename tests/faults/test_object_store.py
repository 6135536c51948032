"""A study in an object store: it runs, is resumed and reported there, and outlives a server that does not answer."""

from __future__ import annotations

import pickle
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyarrow import fs as pafs

from bs_study.store.paths import study_paths
from tests.faults.attempts import undisturbed
from tests.faults.conftest import Ended, StartStudy
from tests.faults.same_rows import assert_same_rows, table
from tests.grid_command import command_in_this_process
from tests.s3_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY, S3Server

FLAGS = (
    "--workload", "faulty_workloads:Paced", "--batch-sizes", "12", "--lrs", "0.01", "--no-stop-at-target",
    "--checkpoint-seconds", "0.2", "--eval-every-examples", "64",
)  # fmt: skip
Grid = Callable[..., Ended]
Refusal = Callable[[Ended], str]


def report(uri: str) -> int:
    return command_in_this_process("report")([uri])


def test_paths_sent_to_another_process_carry_no_credentials_and_open_the_same_study(
    s3_server: S3Server,
) -> None:
    opened = study_paths(s3_server.uri("results/sent"), patience_seconds=3)
    opened.write(opened.study_json, b"asked")
    with_keys = pafs.S3FileSystem(
        access_key=ACCESS_KEY_ID, secret_key=SECRET_ACCESS_KEY, endpoint_override=f"127.0.0.1:{s3_server.port}"
    )
    sent = pickle.dumps(replace(opened, filesystem=with_keys))
    assert ACCESS_KEY_ID.encode() not in sent
    assert SECRET_ACCESS_KEY.encode() not in sent
    arrived = pickle.loads(sent)  # noqa: S301  of this test
    assert arrived == opened
    assert arrived.read(arrived.study_json) == b"asked"


def test_a_study_in_an_object_store_whose_driver_on_ray_is_killed_is_resumed_and_reported(
    s3_server: S3Server, pace: Path, tmp_path: Path, start_study: StartStudy, grid: Grid
) -> None:
    uri = s3_server.uri("results/paced")
    running = start_study(
        *FLAGS, "--max-iterations", "800", "--seeds", "0", "1", "2", "--store", s3_server.uri("results")
    )
    running.wait_until(lambda: is_between_trials(s3_server))
    ended = set(rows_of_trials(s3_server))
    running.kill()
    pace.unlink()
    resumed = grid("--resume", uri, "--local")  # while workers of Ray may go on for a moment
    assert resumed.status == 0, resumed
    running.end()
    assert ended <= set(rows_of_trials(s3_server))
    assert grid("--resume", uri).out.startswith("nothing to do")
    assert report(uri) == 0
    assert_same_rows(uri, undisturbed(uri, tmp_path))
    assert table(uri, "trials")["ray_version"].notna().any()
    assert_no_credentials(s3_server, running.output, resumed.out, resumed.err)


def rows_of_trials(server: S3Server) -> list[tuple[str, int, int]]:
    """Return the files of ended trials, each with its size and the moment at which it was written."""
    return [(info.path, info.size, info.mtime_ns) for info in objects(server) if "/trials/" in info.path]


def is_between_trials(server: S3Server) -> bool:
    """Return whether a trial has ended and another has a checkpoint."""
    rows = {Path(path).stem for path, _, _ in rows_of_trials(server)}
    begun = {Path(info.path).parents[1].name for info in objects(server) if info.base_name == "checkpoint.pt"}
    return bool(rows and begun - rows)


def has_checkpoint(server: S3Server) -> bool:
    return any(info.base_name == "checkpoint.pt" for info in objects(server))


def objects(server: S3Server) -> list[pafs.FileInfo]:
    found = server.filesystem.get_file_info(pafs.FileSelector("bucket", recursive=True))
    return [info for info in found if info.type == pafs.FileType.File]


def assert_no_credentials(server: S3Server, *outputs: str) -> None:
    """Look through all that was printed and stored, in Parquet files also behind the compression."""
    secrets = (ACCESS_KEY_ID, SECRET_ACCESS_KEY)
    stored = objects(server)
    assert len(stored) > 10
    for info in stored:
        with server.filesystem.open_input_file(info.path) as file:
            content = file.read()
        assert not any(secret.encode() in content for secret in secrets), info.path
        if info.path.endswith(".parquet"):
            with server.filesystem.open_input_file(info.path) as file:
                rows = pq.read_table(file).to_pylist()
            assert not any(secret in str(rows) for secret in secrets), info.path
    assert not any(secret in output for output in outputs for secret in secrets)


@pytest.mark.parametrize("flag", ["--store", "--resume"])
@pytest.mark.parametrize(
    "uri",
    [
        f"s3://{ACCESS_KEY_ID}:{SECRET_ACCESS_KEY.replace('/', '%2F')}@bucket/results",
        f"s3://bucket/results?access_key={ACCESS_KEY_ID}&secret_key={SECRET_ACCESS_KEY}",
        f"abfs://account:{SECRET_ACCESS_KEY.replace('/', '%2F')}@container/results",
    ],
)
def test_credentials_in_a_uri_are_refused_without_being_repeated(
    grid: Grid, refusal: Refusal, uri: str, flag: str
) -> None:
    line = refusal(grid("--local", flag, uri, *(FLAGS[:6] if flag == "--store" else ()), "--max-iterations", "50"))
    assert "credentials" in line
    assert "environment" in line
    assert "NeverInTheStore" not in line
    assert ACCESS_KEY_ID not in line


def test_a_store_that_does_not_answer_for_a_while_is_waited_for(
    s3_server: S3Server, pace: Path, tmp_path: Path, grid: Grid
) -> None:
    flags = (*FLAGS, "--max-iterations", "1000", "--max-failures", "0")
    harm = threading.Thread(target=pause_for_seconds, args=(s3_server, 5.0))
    harm.start()
    ended = grid(*flags, "--store", s3_server.uri("results"), "--local")
    harm.join(200)
    assert ended.status == 0, ended
    assert "Traceback" not in ended.out + ended.err
    pace.unlink()
    uri = s3_server.uri("results/paced")
    assert_same_rows(uri, undisturbed(uri, tmp_path))
    assert table(uri, "trials")["attempts"].tolist() == [1]


def pause_for_seconds(server: S3Server, seconds: float) -> None:
    end = time.monotonic() + 200
    while not has_checkpoint(server) and time.monotonic() < end:
        time.sleep(0.05)
    server.pause()
    time.sleep(seconds)
    server.go_on()


@pytest.fixture
def mortal_server(s3_keys: None) -> Iterator[S3Server]:
    """A server of the test's own, to be killed."""
    server = S3Server()
    yield server
    server.stop()


@pytest.mark.soak  # half a minute of waiting for requests; tests/store/test_writer.py has the same at once
def test_a_store_that_stays_away_fails_the_trial_and_says_where_the_unwritten_part_is_kept(
    mortal_server: S3Server, pace: Path, tmp_path: Path, grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "kept"))
    harm = threading.Thread(target=stop_once_it_holds_a_checkpoint, args=(mortal_server,))
    harm.start()
    start = time.monotonic()
    ended = grid(
        *FLAGS, "--store", mortal_server.uri("results"), "--local", "--max-iterations", "3000",
        "--store-patience-seconds", "2", "--max-failures", "0",
    )  # fmt: skip
    harm.join(200)
    assert time.monotonic() - start < 60
    assert ended.status == 1
    assert "Traceback" not in ended.out + ended.err
    told = re.search(r"failed: .*the store can't be written to .* kept in (\S+)", ended.out)
    assert told, ended
    kept = sorted(Path(told[1]).glob("iterations-*.parquet"))
    assert len(kept) == 1
    rows = pq.read_table(kept[0])
    assert rows["iteration"].to_pylist() == list(range(rows["iteration"][0].as_py(), rows["iteration"][-1].as_py() + 1))
    assert_clean(ended)


def assert_clean(ended: Ended) -> None:
    assert ACCESS_KEY_ID not in ended.out + ended.err
    assert SECRET_ACCESS_KEY not in ended.out + ended.err


def stop_once_it_holds_a_checkpoint(server: S3Server) -> None:
    end = time.monotonic() + 200
    while not has_checkpoint(server) and time.monotonic() < end:
        time.sleep(0.05)
    server.stop()
