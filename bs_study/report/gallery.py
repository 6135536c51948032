"""The figures of a report, each with its caption: those that the store has the rows for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bs_study.analysis.tables import StudyTables
from bs_study.report import captions, figures
from bs_study.report.curves import evaluations, first_losses, shown_trials, with_clean_seconds
from bs_study.report.recipes import has_times
from bs_study.report.style import as_png, as_svg, batch_colours
from bs_study.store import Study
from bs_study.words import CLOCK_WORDS

_CLOCK_TITLES = {"iteration": "iterations", "examples": "examples seen"}


@dataclass(frozen=True)
class Picture:
    """One figure of the report, ready to be written and shown."""

    name: str
    title: str
    caption: str
    svg: bytes
    png: bytes = b""  # empty unless asked for
    recipe: str = ""  # of which it is, in a study of several; empty where it compares them


def pictures(study: Study, tables: StudyTables, *, png: bool = False) -> Iterator[Picture]:
    """Yield each figure that the tables have rows for, one at a time: only one is held in memory.

    Args:
        study: what the tables are of.
        tables: what to draw.
        png: encode each figure as PNG too, which takes as long as the SVG.
    """
    for name, title, caption, draw in _of_recipes(tables) if tables.by_recipe else _drawings(study, tables):
        figure = draw()
        yield Picture(name, title, caption, as_svg(figure), as_png(figure) if png else b"")
    for recipe, part in tables.by_recipe.items():
        file = re.sub(r"[^\w.-]+", "_", recipe)
        for picture in pictures(study, part, png=png):
            yield replace(picture, name=f"{file}-{picture.name}", recipe=recipe)


Drawing = tuple[str, str, str, Callable[[], Figure]]


def _drawings(study: Study, tables: StudyTables) -> Iterator[Drawing]:
    if tables.ended == 0:
        return
    yield from _of_the_target(tables)
    yield from _of_progress(study, tables)
    yield from _of_losses(study, tables)
    yield from _of_throughput(tables)


def _of_recipes(tables: StudyTables) -> Iterator[Drawing]:
    for clock in (tables.clock, "iterations"):
        if has_times(tables, clock):
            yield (
                f"recipes_by_{clock}", f"{CLOCK_WORDS[clock].capitalize()} to the target, recipe by recipe",
                captions.recipes(tables, clock),
                partial(figures.target_by_recipe, tables.recipes, tables.convergence, clock=clock),
            )  # fmt: skip


def _colours(tables: StudyTables) -> dict[int, str]:
    return batch_colours(tables.trials["batch_size"])


def _of_the_target(tables: StudyTables) -> Iterator[Drawing]:
    if tables.target is None or tables.convergence.empty:
        return
    colours = _colours(tables)
    yield (
        "time_to_target", "Training time to the target, cell by cell", captions.time_to_target(tables),
        lambda: figures.target_heatmap(tables.convergence, clock=tables.clock),
    )  # fmt: skip
    if not _has(tables.best, "iterations_to_target"):
        return
    yield (
        "iterations_to_target", "Iterations to the target", captions.iterations_to_target(tables),
        lambda: figures.iterations_to_target(tables.best, tables.convergence, colours=colours),
    )  # fmt: skip
    if _has(tables.scaling, "best_lr"):
        yield (
            "best_lr", "Best lr of each batch size", captions.best_lr(tables),
            lambda: figures.best_lr(tables.scaling, tables.lr_fit, colours=colours),
        )  # fmt: skip


def _of_progress(study: Study, tables: StudyTables) -> Iterator[Drawing]:
    target = tables.target
    if target is None:
        return
    table = evaluations(study, shown_trials(tables))
    if target.metric not in table or not _has(table, target.metric):
        return
    colours = _colours(tables)
    if tables.is_clean:
        table = with_clean_seconds(table, tables)
    for clock, words in ({tables.clock: CLOCK_WORDS[tables.clock]} | _CLOCK_TITLES).items():
        yield (
            f"metric_by_{clock}", f"Held-out {target.metric} against {words}", captions.metric_progress(tables, clock),
            partial(figures.metric_progress, table, clock=clock, target=target, colours=colours),
        )  # fmt: skip


def _of_losses(study: Study, tables: StudyTables) -> Iterator[Drawing]:
    losses = first_losses(study, shown_trials(tables))
    colours = _colours(tables)
    if _has(losses, "loss"):
        yield (
            "first_losses", "Loss of the first iterations", captions.first_losses(tables),
            lambda: figures.first_losses(losses, colours=colours),
        )  # fmt: skip
        yield (
            "first_losses_panels", "The same, a panel for each batch size", captions.first_loss_panels(tables),
            lambda: figures.first_loss_panels(losses, colours=colours),
        )  # fmt: skip
    noisy = tables.smoothness
    if (
        len(noisy)
        and ((noisy["window"] == "first_1000") & (noisy["noise"] > 0) & (noisy["stability"] != "diverged")).any()
    ):
        yield (
            "loss_noise", "Noise of the loss against batch size", captions.loss_noise(tables),
            lambda: figures.loss_noise(noisy, colours=colours),
        )  # fmt: skip


def _of_throughput(tables: StudyTables) -> Iterator[Drawing]:
    timed = tables.speed[_positive(tables.speed, "epoch_seconds")]
    colours = _colours(tables)
    if timed.empty:
        return
    yield (
        "epoch_time", "Time of an epoch", captions.epoch_time(tables),
        lambda: figures.epoch_time(timed, colours=colours),
    )  # fmt: skip
    yield (
        "iteration_time", "Time of an iteration", captions.iteration_time(tables),
        lambda: figures.iteration_time(timed, tables.throughput_fit, colours=colours),
    )  # fmt: skip


def _positive(table: pd.DataFrame, column: str) -> np.ndarray:
    return table[column].to_numpy(float) > 0


def _has(table: pd.DataFrame, column: str) -> bool:
    return len(table) > 0 and bool(np.isfinite(table[column].to_numpy(float)).any())
