from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from bs_study.training.precision import autocast, keep_outputs_float32, set_float32_products

CPU = torch.device("cpu")


@pytest.mark.parametrize(("precision", "expected"), [("fp32", False), ("tf32", True), ("bf16", False)])
def test_products_of_float32_are_tf32_only_where_asked_for_whatever_was_before(precision: Any, expected: bool) -> None:
    set_float32_products("fp32" if expected else "tf32")
    set_float32_products(precision)
    assert torch.backends.cuda.matmul.allow_tf32 is expected
    assert torch.backends.cudnn.allow_tf32 is expected
    set_float32_products("fp32")


def test_bf16_computes_in_bfloat16_and_answers_in_float32_of_weights_in_float32() -> None:
    seen = []
    model = nn.Sequential(nn.Linear(4, 4), nn.Identity(), nn.Linear(4, 2))
    model[1].register_forward_hook(lambda _, __, output: seen.append(output.dtype))
    keep_outputs_float32(model)
    with autocast("bf16", CPU):
        output = model(torch.rand(3, 4))
    assert (seen, output.dtype, model[0].weight.dtype) == ([torch.bfloat16], torch.float32, torch.float32)


class Answer(NamedTuple):
    logits: torch.Tensor
    classes: torch.Tensor


@pytest.mark.parametrize("form", [tuple, list, lambda parts: Answer(*parts), lambda parts: dict(enumerate(parts))])
def test_answers_of_several_parts_are_in_float32_whatever_their_form(form: Any) -> None:
    class Parts(nn.Module):
        def forward(self, x: torch.Tensor) -> Any:
            return form([x.bfloat16(), x.long()])

    model = Parts()
    keep_outputs_float32(model)
    found = model(torch.rand(3))
    assert type(found) is type(form([1, 2]))
    parts = list(found.values() if isinstance(found, dict) else found)
    assert [part.dtype for part in parts] == [torch.float32, torch.int64]


@pytest.mark.parametrize("precision", ["fp32", "tf32"])
def test_other_precisions_leave_forward_passes_alone(precision: Any) -> None:
    with autocast(precision, CPU):
        assert nn.Linear(4, 2)(torch.rand(3, 4)).dtype == torch.float32


def test_a_bf16_trial_learns_and_its_losses_are_close_to_those_of_float32(run: Any) -> None:
    _, exact = run(max_iterations=40)
    _, rounded = run(max_iterations=40, precision="bf16")
    losses = exact.iterations()["loss"], rounded.iterations(trial_id=rounded.trials()["trial_id"].iloc[-1])["loss"]
    exact_losses, rounded_losses = (loss.to_numpy()[-40:] for loss in losses)
    assert rounded_losses == pytest.approx(exact_losses, rel=0.05)
    assert rounded_losses[-1] < rounded_losses[0]
    assert set(rounded.trials()["precision"]) == {"fp32", "bf16"}
