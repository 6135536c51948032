"""A notebook: a class of a cell is trained, here and on Ray, and what is found shows itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
IMPORTS = """
import torch
from torch import nn
import bs_study
"""
HELPER = """
def circle(count, seed):
    points = 4 * torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) - 2
    return points, (points.norm(dim=1) < 1.6).long()
"""
WORKLOAD = """
class MyTask:
    name = "my_task"
    target = "accuracy >= 0.8"

    def __init__(self, width=16):
        self.width = width

    def train_data(self, data_dir):
        return circle(1000, seed=0)

    def eval_data(self, data_dir):
        return circle(300, seed=1)

    def model(self):
        return nn.Sequential(nn.Linear(2, self.width), nn.ReLU(), nn.Linear(self.width, 2))

    def loss(self, model, points, labels):
        return nn.functional.cross_entropy(model(points), labels)

    def metrics(self, model, points, labels):
        return {"accuracy": model(points).argmax(dim=1) == labels}

def wide():
    return MyTask(width=32)
"""
SWEEP = "study = bs_study.sweep({}, batch_sizes=[20, 100], lrs=[0.1, 0.4], max_epochs=3, min_iterations=0, {})"


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run cells in a new kernel; return what each has shown."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))

    def run(*cells: str) -> list[list[dict[str, Any]]]:
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        NotebookClient(book, timeout=240, resources={"metadata": {"path": str(tmp_path)}}).execute()
        return [list(cell.outputs) for cell in book.cells]

    return run


def text(outputs: list[dict[str, Any]]) -> str:
    """Return what a cell has printed."""
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")


def html(outputs: list[dict[str, Any]]) -> str:
    """Return how the last value of a cell shows itself."""
    return "".join(output["data"].get("text/html", "") for output in outputs if "data" in output)


@pytest.mark.parametrize("where", ["local=True", "local=False, timing=False"], ids=["here", "on Ray"])
def test_a_class_of_a_cell_is_trained_and_study_and_answer_show_themselves(notebook: Any, where: str) -> None:
    shown = notebook(
        IMPORTS,
        HELPER,
        WORKLOAD,
        SWEEP.format("MyTask", where),
        "study",
        "found = bs_study.analyse(study, target='accuracy >= 0.75')\nfound",
        "print(set(study.trials().workload), set(study.trials().status), bs_study.report(study))",
    )
    assert text(shown[3]).count("target reached at iteration") >= 2
    assert "4/4" in text(shown[3])
    for outputs in shown[4:6]:
        assert "Train with batch size" in html(outputs)
        assert "<svg" in html(outputs)
    assert "{'__main__:MyTask'} {'completed'}" in text(shown[6])
    assert text(shown[6]).rstrip().endswith("report.html")


def test_a_function_of_a_cell_makes_the_workload_and_an_edited_cell_is_noticed(notebook: Any) -> None:
    resume = "study = bs_study.sweep(wide, resume='results/my_task', lrs=[{}], local=True)"
    refused = f"try:\n    {resume.format(0.3)}\nexcept ValueError as error:\n    print(error)"
    shown = notebook(
        IMPORTS,
        HELPER,
        WORKLOAD,
        SWEEP.format("wide", "local=True"),
        resume.format(0.2),
        "print(sorted(map(float, study.trials().lr.unique())))",
        HELPER.replace("1.6", "1.5"),
        refused,
    )
    assert "[0.1, 0.2, 0.4]" in text(shown[5])
    assert "__main__.circle was edited" in text(shown[7])
