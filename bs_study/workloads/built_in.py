"""The workloads that come with the package, and what a dry run needs to know of them.

Their code loads torch, which takes longer and holds more memory than all else of a dry run.
"""

from __future__ import annotations

from dataclasses import dataclass

from bs_study.target import Target

BUILT_IN = {
    "digits": "bs_study.workloads.digits:Digits",
    "mnist": "bs_study.workloads.mnist:Mnist",
    "fashion_mnist": "bs_study.workloads.fashion_mnist:FashionMnist",
    "cifar10": "bs_study.workloads.cifar10:Cifar10",
    "cifar10_resnet8": "bs_study.workloads.cifar10:Cifar10Resnet8",
    "char_lm": "bs_study.workloads.char_lm:CharLm",
}


@dataclass(frozen=True)
class Known:
    """What the class of a built-in workload says of itself, known without it."""

    name: str
    target: Target
    train_examples: int
    fetches_data: bool = True


KNOWN = {
    known.name: known
    for known in (
        Known("digits", Target("accuracy", 0.97), 1437),
        Known("mnist", Target("accuracy", 0.98), 60_000),
        Known("fashion_mnist", Target("accuracy", 0.90), 60_000),
        Known("cifar10", Target("accuracy", 0.93), 50_000),
        Known("cifar10_resnet8", Target("accuracy", 0.70), 50_000),
    )
}
"""Of the built-in workloads whose training set has a size that is known without reading it."""
