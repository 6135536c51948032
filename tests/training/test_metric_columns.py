"""Whether each metric of a workload can be a column of the evaluations."""

from __future__ import annotations

import pytest

from bs_study.training.metric_columns import refuse_bad_columns


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        (["epoch"], "'epoch' is a column of every evaluation"),
        (["recipe"], "'recipe' is a column of every evaluation"),
        (["wall_seconds"], "'wall_seconds' is a column of every evaluation"),
        (["Epoch"], r"'Epoch' is a column of every evaluation \(epoch\)"),
        (["Loss", "loss"], r"'Loss' and 'loss' \(which is added.*\) differ only in case"),
        (["R2", "r2"], "'R2' and 'r2' differ only in case"),
        (["accuracy", "test_accuracy"], "'test_accuracy' is what 'accuracy' of the test set is called with validation"),
        (["  "], "can't name a column"),
        (["a\nb"], "can't name a column"),
    ],
)
def test_a_metric_that_has_no_column_of_its_own_is_refused_with_what_takes_it(metrics: list[str], told: str) -> None:
    with pytest.raises(ValueError, match=rf"^task\.metrics: .*{told}"):
        refuse_bad_columns("task.metrics", metrics, has_test=True)


def test_any_other_name_is_a_column() -> None:
    refuse_bad_columns("task.metrics", ["hits@1", "val/acc", "top 5", "2d_acc", "α", "loss"], has_test=True)
    refuse_bad_columns("task.metrics", ["accuracy", "test_accuracy", "loss"], has_test=False)
