"""A look at micro-batches that are asked for, before any trial starts: do parts of a batch add up to it?"""

from __future__ import annotations

import torch

from bs_study.config import StudyConfig
from bs_study.training.additivity import TWO_DO_NOT_FIT, has_batch_statistics
from bs_study.training.learner import why_not_in_parts
from bs_study.workloads.base import Data, Workload, examples_in
from bs_study.workloads.check import prepare
from bs_study.workloads.telling import telling_batch
from bs_study.workloads.user_errors import calling

EXAMPLES = 64


def parts_warnings(config: StudyConfig, workload: Workload, train: Data) -> list[str]:
    """Return what is to be known of the micro-batches of a study: nothing where it has none.

    Raises:
        ValueError: parts of a batch do not add up, so that they would train something else.
    """
    size = config.settings.micro_batch
    if size is None or size >= max(config.batch_sizes) or examples_in(train) < 2:
        return []
    torch.manual_seed(0)
    batch = prepare(workload, telling_batch(workload, train, count=EXAMPLES))
    with calling(workload, "model"):
        model = workload.model()
        model.train()
    fault = why_not_in_parts(workload, model, batch, most=len(batch[0]))
    if fault == TWO_DO_NOT_FIT:
        return ["micro_batch: two examples do not fit on the CPU, so whether parts of a batch add up was not seen"]
    if fault:
        raise ValueError(f"micro_batch: {size}, but {fault}; or leave micro_batch out")
    if has_batch_statistics(model):
        return [
            f"micro_batch: the model has batch statistics (BatchNorm). Each part of {size} examples is normalised by "
            "its own, so another model is trained than by the whole batch"
        ]
    return []
