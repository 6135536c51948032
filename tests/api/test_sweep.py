"""`bs_study.sweep`: a study by a Python call, of code that is at hand."""

from __future__ import annotations

import functools
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bs_study

SMALL: dict[str, Any] = {"max_iterations": 40, "min_iterations": 0, "local": True, "timing": False}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_settings_are_those_of_the_file_and_numpy_paths_and_ranges_do(tmp_path: Path) -> None:
    study = bs_study.sweep(
        "digits",
        batch_sizes=2 ** np.arange(6, 8),
        lrs=np.array([0.1, 0.4]),
        seeds=range(1),
        search="grid",
        store=tmp_path / "elsewhere",
        name="by_call",
        target="accuracy >= 0.5",
        optimizer=["adam", "sgd"],
        **SMALL,
    )
    trials = study.trials()
    assert study.paths.root == str(tmp_path / "elsewhere" / "by_call")
    assert set(zip(trials["batch_size"], trials["lr"], strict=True)) == {
        (b, lr) for b in (64, 128) for lr in (0.1, 0.4)
    }
    assert set(trials["optimizer"]) == {"adam", "sgd"}
    assert len(trials) == 8
    assert Path(bs_study.report(study)).is_file()
    assert str(bs_study.analyse(study, target="accuracy>=0.4").recommendation.target) == "accuracy >= 0.4"


def test_a_study_goes_on_with_what_is_added_and_repeats_nothing() -> None:
    asked = {"batch_sizes": [64], "search": "grid", "seeds": [0], **SMALL}
    study = bs_study.sweep("digits", lrs=[0.1], **asked)
    before = study.trials()
    study = bs_study.sweep(resume=study.paths.uri, lrs=[0.2], local=True)
    after = study.trials()
    assert set(after["lr"]) == {0.1, 0.2}
    assert after.loc[after["lr"] == 0.1, "start_time"].item() == before["start_time"].item()


def test_none_is_null_a_file_is_a_path_and_the_path_of_imports_stays(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("workload: digits\nbatch_sizes: [64]\nlrs: [0.2]\nclip_norm: 1\n")
    before = [str(tmp_path), *sys.path]
    sys.path[:] = before
    study = bs_study.sweep(tmp_path / "own.yaml", clip_norm=None, recipes=[{}, {"momentum": np.float32(0.25)}], **SMALL)
    assert sys.path == before
    assert study.trials()["clip_norm"].isna().all()
    assert set(study.trials()["momentum"]) == {0.5, 0.25}
    answer = json.loads((tmp_path / "results/digits/report/answer.json").read_text())
    typed = [step["command"] for step in answer["steps"] if step["command"]]  # some steps have none
    assert typed
    assert all(command.startswith(("bs_study.sweep(local=True, ", "bs_study.report(")) for command in typed), typed


@pytest.mark.parametrize(
    ("workload", "settings", "parts"),
    [
        ("digits", {"lrz": [0.1]}, ("lrz", "lrs")),
        ("digits", {"batch_sizes": [0]}, ("batch_sizes", "0")),
        ("digit", {}, ("digit", "digits")),
        (object(), {}, ("workload", "class")),
        (lambda width: None, {}, ("workload", "without arguments")),
        (lambda: 3, {}, ("workload", "returns 3")),
        (functools.partial(print, 3), {}, ("workload", "function")),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_begun(
    workload: Any, settings: dict[str, Any], parts: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        bs_study.sweep(workload, **{"batch_sizes": [64], "lrs": [0.1], **SMALL, **settings})
    assert all(part in str(caught.value) for part in parts)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "results").exists()


IN_A_RAY = """
import ray
import bs_study
if __name__ == "__main__":
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    study = bs_study.sweep("digits", batch_sizes=[64, 128], lrs=[0.2], search="grid", seeds=[0], max_iterations=40,
                           min_iterations=0, timing=False)
    print(set(study.trials()["status"]), ray.get(ray.put("still here")))
"""


def test_a_ray_that_the_caller_uses_already_trains_the_study_and_stays(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_RAY], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("{'completed'} still here")


INTERRUPTED = """
import bs_study
if __name__ == "__main__":
    try:
        bs_study.sweep("digits", batch_sizes=[1], lrs=[0.0001], search="grid", max_iterations=10**7,
                       target="loss<=0.001", local=True, timing=False)
    except KeyboardInterrupt:
        print("still here", flush=True)
"""


def test_an_interrupt_ends_the_call_with_checkpoints_and_the_process_lives_on(tmp_path: Path) -> None:
    live = tmp_path / "results" / "digits" / "live"
    process = subprocess.Popen([sys.executable, "-c", INTERRUPTED], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 120
        while not any(live.rglob("*.parquet")) and time.monotonic() < until:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert out.rstrip().endswith("still here")
    assert "interrupted. Go on with" in out
    assert list(live.rglob("checkpoint*"))
