"""Where and how a study runs, which changes none of its losses: a study that goes on may be given others."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bs_study.config.values import Count, Index, NonNegative, Positive
from bs_study.door import command
from bs_study.words import typed


class LaunchOptions(BaseModel):
    """Where a study's results and data lie, on what it runs, and how patient it is. No part of the study itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: str = Field("results", min_length=1, description="folder, or URI that pyarrow.fs opens, that holds studies")
    data_dir: Path | None = Field(
        None, description="folder with data sets, searched before a download ($BS_STUDY_DATA, or ~/.cache/bs_study)"
    )

    tensorboard: bool = Field(
        False, description="show trials and the answer in TensorBoard, by files in the study's folder"
    )
    wandb: bool = Field(False, description="show them in Weights & Biases, set up by its own environment variables")
    mlflow: bool = Field(
        False, description="show them in MLflow, on the server of $MLFLOW_TRACKING_URI, else by files in that folder"
    )

    local: bool = Field(False, description="run trials one after another in this process, without Ray")
    address: str | None = Field(
        None,
        description="Ray cluster to join, as host:port, auto or local "
        "($RAY_ADDRESS, else the cluster that this machine belongs to, else a new Ray of this machine)",
    )
    gpus_per_trial: NonNegative | None = Field(None, description="GPUs for each trial (1 where there are GPUs, else 0)")
    loader_processes: Index | None = Field(
        None,
        description="processes that read batches ahead of a trial, where they are not resident "
        "(as many as its CPU cores with loader workers, else none: it reads them itself)",
    )
    max_concurrent: Count | None = Field(None, description="trials that may run at once (as many as fit)")
    timing: bool | None = Field(
        None,
        description="time each batch size alone on its device before the trials, where that is not yet done "
        "(in a race or bracket, with several trials at once on a machine, and for new batch sizes of a timed study)",
    )
    probes: bool = Field(
        True, description="probe gradients while trials train, on 3 % of the examples seen: the table gradients"
    )
    curvature: bool = Field(
        False,
        description="measure how the loss bends, too: the sharpness of a batch at each probe, the Hessian's largest "
        "eigenvalue at the end of a trial",
    )
    checkpoint_seconds: Positive = Field(
        60.0, description="seconds between writes of what a running trial has recorded"
    )
    report_seconds: Positive | None = Field(
        None, description="seconds between writes of the report while the study runs (at its end alone)"
    )
    store_patience_seconds: NonNegative = Field(
        120.0, description="how long a store that stops answering is waited for"
    )
    trial_timeout: Positive | None = Field(
        None, description="seconds without progress that end a trial as failed (off)"
    )
    max_failures: Index = Field(3, description="how often a trial that fails is started again")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        gpus = self.gpus_per_trial or 0.0
        if gpus > 1 and not gpus.is_integer():
            raise ValueError(f"gpus_per_trial: {typed(gpus)} is no whole number. Above 1, give whole GPUs")
        if self.curvature and not self.probes:
            raise ValueError("curvature: needs the probes. Leave out --no-probes or --curvature")
        if self.local and self.address:
            raise ValueError("address: a local study uses no cluster. Give address or local, not both")
        return self


def flags_of(options: LaunchOptions) -> list[str]:
    """Return the flags that launch a study in the same way; the store is where the study is.

    >>> flags_of(LaunchOptions(local=True, timing=False, max_concurrent=2))
    ['--local', '--max-concurrent', '2', '--no-timing']
    """
    flags = []
    for name, value in options.model_dump(mode="json", exclude={"store"}, exclude_defaults=True).items():
        flag = name.replace("_", "-")
        flags += [f"--{'' if value else 'no-'}{flag}"] if isinstance(value, bool) else [f"--{flag}", str(value)]
    return flags


def launch_command(options: LaunchOptions, *, name: str = "run") -> str:
    """Return the command that launches studies in the same way, as the person typed it: `run`, or `time`."""
    return " ".join([command(name), *map(shlex.quote, flags_of(options))])


def resume_command(uri: str, options: LaunchOptions, *, name: str = "run") -> str:
    """Return the command line that goes on with a study and launches it in the same way.

    >>> resume_command("results/my study", LaunchOptions(local=True))
    "bs-study run --local --resume 'results/my study'"
    """
    return f"{launch_command(options, name=name)} --resume {shlex.quote(uri)}"
