"""One function per figure: tables in, a matplotlib Figure out. Nothing is drawn to a screen and no state is shared."""

from bs_study.report.figures.heatmap import target_heatmap
from bs_study.report.figures.losses import first_loss_panels, first_losses
from bs_study.report.figures.noise import loss_noise
from bs_study.report.figures.progress import metric_progress
from bs_study.report.figures.recipes import target_by_recipe
from bs_study.report.figures.scaling import best_lr, iterations_to_target
from bs_study.report.figures.throughput import epoch_time, iteration_time

__all__ = [
    "best_lr",
    "epoch_time",
    "first_loss_panels",
    "first_losses",
    "iteration_time",
    "iterations_to_target",
    "loss_noise",
    "metric_progress",
    "target_by_recipe",
    "target_heatmap",
]
