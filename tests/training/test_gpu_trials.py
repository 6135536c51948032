"""Whole trials on a GPU: interrupted, short of memory, two at once."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bs_study import Study
from bs_study.store.paths import StudyPaths
from bs_study.training.progress import Ending, Progress

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

Run = Callable[..., tuple[Ending, Study]]
MEBIBYTE = 2**20


@pytest.mark.parametrize("engine", ["eager", "cuda_graph"])
def test_a_trial_that_was_interrupted_ends_as_the_unbroken_one(
    run: Run, paths: StudyPaths, engine: str, record_property: Any
) -> None:
    settings = {"workload": "gpu_workloads:Noisy", "optimizer": "adam", "lr": 0.01, "lr_decay": "cosine"}
    settings |= {"max_iterations": 60, "checkpoint_seconds": 1e-9, "device": "cuda", "engine": engine}
    unbroken = run(**settings)[1].iterations()["loss"].tolist()
    paths.remove(paths.root)

    def interrupt(progress: Progress) -> None:
        if progress.iteration >= 40:
            raise RuntimeError("interrupted by the test")

    with pytest.raises(RuntimeError, match="interrupted by the test"):
        run(**settings, report_seconds=0, report=interrupt)
    seen: list[int] = []
    ending, study = run(**settings, report_seconds=0, report=lambda progress: seen.append(progress.iteration))
    assert ending.status == "completed"
    assert min(seen) > 20  # it went on, and did not start anew
    losses = study.iterations()["loss"].tolist()
    record_property("bitwise equal", losses == unbroken)
    # Not to the last bit: the first iterations after it are eager, and those of the unbroken trial are not.
    assert losses == pytest.approx(unbroken, rel=1e-4)


@contextlib.contextmanager
def memory(more: int) -> Iterator[None]:
    """Let this process take so many bytes beyond what it holds now."""
    gc.collect()
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + more) / whole)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        gc.collect()
        torch.cuda.empty_cache()


@pytest.mark.parametrize("engine", ["eager", "cuda_graph"])
@pytest.mark.parametrize("workload", ["LargeWhenGathered", "LargeWhenPrepared"])
def test_a_batch_that_memory_does_not_hold_ends_the_trial_as_an_answer(run: Run, workload: str, engine: str) -> None:
    # Gathered: 192 MiB of data and as much again. Prepared: 64 of data, 64 gathered, 256 as float32.
    with memory(300 * MEBIBYTE):
        ending, study = run(workload=f"gpu_workloads:{workload}", max_iterations=6, device="cuda", engine=engine)
    assert (ending.status, ending.stop_reason) == ("out_of_memory", "out_of_memory")
    assert "out of memory" in str(ending.message)
    assert study.trials()["status"].tolist() == ["out_of_memory"]


@pytest.mark.parametrize("engine", ["eager", "cuda_graph"])
def test_a_forward_pass_that_memory_does_not_hold_is_split(run: Run, paths: StudyPaths, engine: str) -> None:
    settings = {"workload": "gpu_workloads:LargeRows", "max_iterations": 6, "device": "cuda", "engine": engine}
    whole = run(**settings)[1].iterations()["loss"].tolist()
    paths.remove(paths.root)
    with memory(300 * MEBIBYTE):  # 64 of data, 64 gathered, 256 as float32
        ending, study = run(**settings)
    assert ending.status == "completed"
    assert 1 <= study.trials()["micro_batch_used"].iloc[0] < 64
    assert study.iterations()["loss"].tolist() == pytest.approx(whole, rel=1e-5)


def test_the_trial_after_one_that_ran_out_of_memory_has_all_of_it(run: Run) -> None:
    with memory(300 * MEBIBYTE):
        run(workload="gpu_workloads:LargeWhenPrepared", max_iterations=6, device="cuda")
        ending, study = run(workload="gpu_workloads:Normalised", max_iterations=20, device="cuda")
    assert ending.status == "completed"
    assert study.trials().set_index("status").loc["completed", "engine_used"] == "cuda_graph"


def test_two_processes_share_a_gpu() -> None:
    engines = Path(__file__).with_name("test_gpu_engine.py")
    chosen = f"{engines}::test_graphs_draw_and_learn_what_the_eager_engine_does"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", chosen]
    root = Path(__file__).parents[2]
    both = [subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        output, _ = process.communicate(timeout=80)
        assert process.returncode == 0, output
