"""What is trained: a data set, a model, a loss, metrics and a target."""

from bs_study.target import Target
from bs_study.workloads.base import Workload, load_workload

__all__ = ["Target", "Workload", "load_workload"]
