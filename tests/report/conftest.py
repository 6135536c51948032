"""Small studies with a report, made once for all tests of the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from bs_study import open_study
from bs_study.report.page import write_report
from tests.report.demo_store import write_demo_study

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> {{ 7 * 7 }} \"'&"


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study with a report; 3 batch sizes, 4 lrs, 2 seeds, messages that would attack the page."""
    folder = tmp_path_factory.mktemp("store") / "small"
    write_demo_study(
        str(folder),
        batch_sizes=(64, 256, 1024),
        lrs=(0.02, 0.08, 0.32, 0.64),
        seeds=(0, 1),
        max_epochs=20,
        message=HOSTILE,
    )
    write_report(open_study(folder), png=True)
    return folder
