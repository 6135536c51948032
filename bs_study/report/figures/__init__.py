"""The figures of a report, a file each: tables in, a matplotlib Figure out. No screen, and no state that is shared."""

from bs_study.analysis.study import Analysis
from bs_study.report.figure import ReportFigure
from bs_study.report.figures.against_best import AGAINST_BEST, against_best
from bs_study.report.figures.best_lr import BEST_LR, best_lr
from bs_study.report.figures.by_target import by_target, time_by_target
from bs_study.report.figures.choice import CHOICE, time_by_batch_size
from bs_study.report.figures.costs import TIME_BY_MACHINE, time_by_machine
from bs_study.report.figures.critical import critical_by_target, critical_figure
from bs_study.report.figures.gradients import GRADIENT_AGREEMENT, gradient_agreement
from bs_study.report.figures.heatmap import TIME_TO_TARGET, target_heatmap
from bs_study.report.figures.loss_at import LOSS_BY_BATCH_SIZE, loss_by_batch_size
from bs_study.report.figures.losses import FIRST_LOSSES, FIRST_LOSSES_PANELS, first_loss_panels, first_losses
from bs_study.report.figures.minima import MINIMA, minima
from bs_study.report.figures.noise import LOSS_NOISE, loss_noise
from bs_study.report.figures.progress import PROGRESS, metric_progress
from bs_study.report.figures.recipes import RECIPES, target_by_recipe
from bs_study.report.figures.scaling import ITERATIONS_TO_TARGET, iterations_to_target
from bs_study.report.figures.stable_lr import STABLE_LR, stable_lr
from bs_study.report.figures.throughput import EPOCH_TIME, ITERATION_TIME, epoch_time, iteration_time
from bs_study.report.figures.trade import EXAMPLES_BY_ITERATIONS, examples_by_iterations
from bs_study.report.figures.trial_curves import curve_figures, trial_curves

MAIN = (CHOICE, LOSS_BY_BATCH_SIZE)
"""The figure of the answer: of the target, and of the loss after a budget where that is asked."""


def main_figure(found: Analysis) -> ReportFigure:
    """Return the figure that shows the answer to what is asked."""
    return MAIN[found.loss_at is not None]


FIGURES = (
    TIME_TO_TARGET,
    ITERATIONS_TO_TARGET,
    EXAMPLES_BY_ITERATIONS,
    BEST_LR,
    *PROGRESS,
    FIRST_LOSSES,
    FIRST_LOSSES_PANELS,
    LOSS_NOISE,
    GRADIENT_AGREEMENT,
    MINIMA,
    STABLE_LR,
    EPOCH_TIME,
    ITERATION_TIME,
    TIME_BY_MACHINE,
)
"""Those of each recipe, in the order of the page."""

COMPARING = RECIPES
"""Those that compare the recipes of a study."""

__all__ = [
    "AGAINST_BEST",
    "CHOICE",
    "COMPARING",
    "FIGURES",
    "LOSS_BY_BATCH_SIZE",
    "MAIN",
    "against_best",
    "best_lr",
    "by_target",
    "critical_by_target",
    "critical_figure",
    "curve_figures",
    "epoch_time",
    "examples_by_iterations",
    "first_loss_panels",
    "first_losses",
    "gradient_agreement",
    "iteration_time",
    "iterations_to_target",
    "loss_by_batch_size",
    "loss_noise",
    "main_figure",
    "metric_progress",
    "minima",
    "stable_lr",
    "target_by_recipe",
    "target_heatmap",
    "time_by_batch_size",
    "time_by_machine",
    "time_by_target",
    "trial_curves",
]
