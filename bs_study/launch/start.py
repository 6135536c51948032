"""A study from what is asked to its end, with a sign of life from its first second on."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from bs_study.config import LaunchOptions, StudyConfig
from bs_study.launch.heartbeat import QUIET_SECONDS, Heartbeat, Listener

if TYPE_CHECKING:
    from bs_study.launch.study import End


def start_study(
    config: StudyConfig,
    options: LaunchOptions,
    listener: Listener,
    *,
    resume: str | None = None,
    accept_changes: bool = False,
    times_only: bool = False,
    quiet_seconds: float | None = QUIET_SECONDS,
) -> End:
    """Look at a study from all sides, run what is left of it and write its report.

    Takes what `prepared` takes, and raises what it and `run_study` raise.

    Args:
        listener: hears of it.
        times_only: time its batch sizes, and train nothing.
        quiet_seconds: without a line, after which one says how far the study is; None for never.
    """
    with Heartbeat(listener, seconds=quiet_seconds) as told, contextlib.ExitStack() as stack:
        told.doing("reading the data and looking at the workload")

        def let_ray_come_up() -> None:
            if not options.local and resume is None:  # of a study that goes on, all may have ended
                from bs_study.launch.ray_ahead import ray_ahead

                stack.enter_context(ray_ahead(options))

        from bs_study.launch.prepare import prepared  # with torch, which takes seconds
        from bs_study.launch.study import run_told
        from bs_study.launch.timed_study import time_study

        study = prepared(config, options, resume=resume, accept_changes=accept_changes, before_data=let_ray_come_up)
        end = (time_study if times_only else run_told)(study, told)
    return replace(end, uri=study.paths.uri)
