"""What only a GPU shows of engines, clocks and precisions: graphs that are real, kernels that outlast their launch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
import torch

from bs_study import Study
from bs_study.training.cuda_graph import cuda_capture
from bs_study.training.precision import set_float32_products
from bs_study.training.progress import Ending

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

Run = Callable[..., tuple[Ending, Study]]


@pytest.fixture
def trained(run: Run) -> Callable[..., tuple[list[float], Any, Study]]:
    """Run a trial on the GPU; return its losses, its row, its study."""

    def one(workload: str, **settings: Any) -> tuple[list[float], Any, Study]:
        _, study = run(**{"workload": f"gpu_workloads:{workload}", "device": "cuda", "max_iterations": 60} | settings)
        row = study.trials().sort_values("end_time").iloc[-1]
        return study.iterations(trial_id=row["trial_id"])["loss"].tolist(), row, study

    return one


@pytest.mark.parametrize("workload", ["Noisy", "Normalised"])
@pytest.mark.parametrize("micro_batch", [None, 24])
def test_graphs_draw_and_learn_what_the_eager_engine_does(
    trained: Any, workload: str, micro_batch: int | None, record_property: Any
) -> None:
    # A replay takes its random numbers where the last work left the generator, as eager work does.
    eager, _, _ = trained(workload, engine="eager", micro_batch=micro_batch)
    graph, row, study = trained(workload, engine="cuda_graph", micro_batch=micro_batch)
    assert row["engine_used"] == "cuda_graph"
    assert pd.isna(row["message"])
    record_property("bitwise equal", graph == eager)
    # Not to the last bit: the eager engine reads its lr as a double, the graph as a float.
    assert graph == pytest.approx(eager, rel=1e-3)
    held_out = study.evaluations().pivot_table(index="iteration", columns="trial_id", values="loss")
    assert held_out.iloc[:, 0].tolist() == pytest.approx(held_out.iloc[:, 1].tolist(), rel=1e-3)


def test_each_replay_draws_a_mask_of_its_own(trained: Any) -> None:
    losses, row, _ = trained("OnlyDropout", lr=1e-12)
    assert row["engine_used"] == "cuda_graph"
    assert len(set(losses)) > 50
    # Of 64,000 ones, each kept half of the time and doubled: mean 1, standard deviation 0.004.
    assert losses == pytest.approx([1.0] * 60, abs=0.03)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_what_waits_for_the_device_is_trained_eagerly_and_says_so(trained: Any, optimizer: str) -> None:
    eager, _, _ = trained("ReadsItsLoss", optimizer=optimizer, lr=0.01, engine="eager")
    losses, row, _ = trained("ReadsItsLoss", optimizer=optimizer, lr=0.01)
    assert row["engine_used"] == "eager"
    assert row["message"].startswith("trained eagerly, it can't be captured in a CUDA graph: ")
    assert "previous error" not in row["message"]  # the first one is told
    assert losses == pytest.approx(eager, rel=1e-3)


def test_after_a_capture_that_failed_memory_and_generator_are_as_before() -> None:
    torch.cuda.set_stream(torch.cuda.Stream())
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()

    def work() -> None:
        torch.rand(64 * 2**20, device="cuda").sum().item()

    with pytest.raises(RuntimeError):
        cuda_capture(work)
    assert torch.rand(3, device="cuda").isfinite().all()
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() - before < 64 * 2**20
    into = torch.zeros(3, device="cuda")
    replay = cuda_capture(lambda: into.copy_(torch.rand(3, device="cuda")))
    replay()
    first = into.tolist()
    replay()
    assert into.tolist() != first


@pytest.mark.parametrize("engine", ["eager", "cuda_graph"])
@pytest.mark.parametrize(("workload", "clock"), [("SleepsInLoss", "compute"), ("SleepsInPrepare", "load")])
def test_a_kernel_of_known_length_lands_in_its_clock(
    trained: Any, workload: str, clock: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cycles = 10**7
    seconds = min(_sleep_seconds(cycles) for _ in range(3))
    monkeypatch.setattr(importlib.import_module("gpu_workloads"), "CYCLES", cycles)
    _, row, _ = trained(workload, engine=engine)
    counted = row["iterations"] - 3  # the warm-up is in neither
    other = {"compute": "load", "load": "compute"}[clock]
    # The kernel, and at most a few milliseconds of launches; none of it in the other clock.
    assert seconds * 0.9 < row[f"{clock}_seconds"] / counted < seconds * 1.2 + 0.003
    assert row[f"{other}_seconds"] / counted < 0.003


def _sleep_seconds(cycles: int) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    torch.cuda._sleep(cycles)
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000


needs_tensor_cores = pytest.mark.skipif(
    not torch.cuda.is_available() or torch.cuda.get_device_capability() < (8, 0), reason="needs TF32 and bfloat16"
)


@needs_tensor_cores
def test_products_are_as_exact_as_their_precision() -> None:
    torch.manual_seed(0)
    a, b = (torch.randn(1024, 1024, device="cuda", dtype=torch.float64) for _ in range(2))
    a, b = a.float().double(), b.float().double()
    errors = {}
    for precision in ("fp32", "tf32", "bf16"):
        set_float32_products(precision)  # type: ignore[arg-type]
        errors[precision] = float((a.float() @ b.float() - a @ b).norm() / (a @ b).norm())
    set_float32_products("fp32")
    assert errors["fp32"] == errors["bf16"] < 1e-5
    assert 1e-5 < errors["tf32"] < 1e-2


@needs_tensor_cores
def test_a_trial_in_tf32_or_bf16_learns_nearly_what_one_in_float32_does(trained: Any) -> None:
    losses = {precision: trained("Normalised", precision=precision)[0] for precision in ("fp32", "tf32", "bf16")}
    assert losses["tf32"] != losses["fp32"]
    assert losses["bf16"] != losses["fp32"]
    assert losses["tf32"] == pytest.approx(losses["fp32"], rel=0.1, abs=0.02)
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.3, abs=0.1)
