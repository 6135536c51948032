"""Micro-batches on a GPU: weights that stay on the device, graphs that hold them, a look that fits."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from torch import nn

from bs_study.training.additivity import fault_of_parts
from bs_study.training.precision import set_float32_products
from bs_study.workloads import load_workload
from tests.training.recorded import Run

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


@pytest.mark.parametrize("name", ["WeightedByItsWeights", "Tokens", "TokensByMask"])
@pytest.mark.parametrize("engine", ["eager", "cuda_graph"])
def test_parts_by_weight_are_captured_and_train_as_the_whole_batch(run: Run, name: str, engine: str) -> None:
    settings = {"workload": f"odd_losses:{name}", "batch_size": 32, "max_iterations": 20, "device": "cuda"}
    found = {}
    for micro_batch in (None, 5, 1):
        _, study = run(**settings, micro_batch=micro_batch, engine=engine)
        trial = study.trials().sort_values("end_time").iloc[-1]
        assert (trial["engine_used"], pd.isna(trial["message"])) == (engine, True)
        found[micro_batch] = study.iterations(trial_id=trial["trial_id"])["loss"].tolist()
    assert found[5] == pytest.approx(found[None], rel=1e-3)
    assert found[1] == pytest.approx(found[None], rel=1e-3)


@pytest.mark.parametrize("name", ["Circle", "Dropped", "Noised", "Tokens"])
@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_what_adds_up_is_seen_to(name: str, precision: str) -> None:
    assert seen(name, precision=precision) is None


@pytest.mark.parametrize("name", ["Weighted", "WeightedAndDropped", "Contrast"])
def test_what_does_not_is_seen_not_to(name: str) -> None:
    assert "no mean over examples" in str(seen(name))


def test_a_recurrent_model_of_cudnn_with_dropout_is_looked_at_too() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(1, 4, batch_first=True)
            self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(4, 2))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.lstm(x.unsqueeze(2))[0][:, -1])

    assert seen("Circle", model=Recurrent()) is None


def seen(name: str, *, precision: str = "fp32", model: nn.Module | None = None) -> str | None:
    workload = load_workload(f"odd_losses:{name}")
    torch.manual_seed(0)
    model = (model or workload.model()).cuda()
    batch = tuple(part[:64].cuda() for part in workload.train_data(None))  # type: ignore[arg-type, union-attr]
    set_float32_products(precision)  # type: ignore[arg-type]
    try:
        return fault_of_parts(workload, model, batch)
    finally:
        set_float32_products("fp32")
