"""The tables of the page on gradients: their noise scale, and the sharpness of the loss."""

from __future__ import annotations

from bs_study.report.page_table import CELL_COLUMNS, PageTable, more, plain
from bs_study.report.table_view import Column

GRADIENT_TABLES = (
    PageTable(
        "noise_scale",
        "Noise scale of the gradients, and how alike consecutive ones are",
        "From the probes of all seeds of a cell: early at iterations 1 to 30, late beyond them in the second half of "
        "the examples. 95 % intervals in grey. Without an upper end, a noise scale is at least its lower end.",
        (
            *CELL_COLUMNS,
            *plain("window"),
            Column("probes", "of completed trials"),
            Column("noise_scale", "tr Σ over |G|²: at this batch size, noise and gradient are as large"),
            Column("noise_scale_low", "of the noise scale", is_more=True),
            Column("noise_scale_scaled", "the same in adam's metric"),
            Column("cos_next", "cosine of the gradients of an iteration and the next, mean over probes"),
            Column("cos_expected", "of two independent batches at one point, by the noise scale"),
            Column("cos_disjoint", "of the same batches as an epoch draws them"),
            Column("cos_pairs", "whose cosine is known", is_more=True),
            Column("g2", "|G|², mean over probes", is_more=True),
            Column("tr_sigma", "tr Σ of one example, mean over probes", is_more=True),
            Column("trials", "with probes in the window", is_more=True),
            Column("by_batch", "of gradients of chunks: model or loss depend on the whole batch", is_more=True),
        ),
    ),
    PageTable(
        "minima",
        "Where training ends",
        "Each batch size at one lr: medians over seeds, least to most in grey. All are compared at the most examples "
        "that every trial has seen, and at the lowest training loss that every trial has had.",
        (
            *CELL_COLUMNS,
            Column("seeds", "that completed"),
            Column("at_target", "of these, those that ended at the target"),
            Column("metric", "of the target"),
            Column("metric_at_examples", "held-out, after the examples"),
            Column("metric_at_training_loss", "held-out, where a trial first had the training loss"),
            Column("largest_eigenvalue", "of the Hessian at the end, where all ended within 5 % of equal examples"),
            *more("diverged", "examples", "training_loss", "examples_at_training_loss"),
        ),
    ),
    PageTable(
        "sharpness",
        "Sharpness, and the lr that it leaves stable",
        "Medians over seeds, least to most in grey. A share above 1 is an lr at which descent on a quadratic diverges.",
        (
            *CELL_COLUMNS,
            *plain("trials"),
            Column("largest_eigenvalue", "of the Hessian at the end, on 512 training examples"),
            Column("step_lr", "at the last probe", is_setting=True),
            Column("stability_share", "of lr in the largest stable one, by the eigenvalue; not for adam"),
            Column("is_beyond", "the share is above 1; by batch where all trials diverged"),
            Column("batch_sharpness", "along the gradient of a batch, median of late probes"),
            Column("batch_share", "of lr in the largest stable one, by the sharpness of batches"),
        ),
    ),
)
