"""Every choice that a user can make: a study, and the trials that it is made of."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from bs_study.target import Target


def _number_not_bool(value: object) -> object:
    """Refuse True and False, which Python would take for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("is a truth value. Give a number")
    return value


def _distinct(values: tuple[float, ...]) -> tuple[float, ...]:
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise ValueError(f"{twice[0]:g} is given twice. Give each value once")
    return values


def _target_text(text: str) -> str:
    return str(Target.parse(text))


Count = Annotated[int, BeforeValidator(_number_not_bool), Field(ge=1, le=2**63 - 1)]
Index = Annotated[int, BeforeValidator(_number_not_bool), Field(ge=0, le=2**31 - 1)]
Positive = Annotated[float, BeforeValidator(_number_not_bool), Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, BeforeValidator(_number_not_bool), Field(ge=0, allow_inf_nan=False)]
TargetText = Annotated[str, AfterValidator(_target_text)]

STUDY_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""What Windows keeps for its devices, with any ending."""


BUDGETS = ("max_epochs", "max_iterations", "max_examples", "max_train_seconds")
"""Each ends a trial that has not reached its target; the first that runs out does."""


class Recipe(BaseModel):
    """How a trial is trained, judged and ended, whatever its cell and seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workload: str = Field(
        "digits",
        min_length=1,
        description="what is trained: a built-in, as cifar10, or your own as package.module:Class",
    )
    target: TargetText | None = Field(
        None, description="metric, direction and value to reach, as 'accuracy>=0.98' or 'loss<=0.1' (the workload's)"
    )

    optimizer: Literal["sgd", "adam", "adamw"] = Field("sgd", description="the update rule")
    momentum: Annotated[NonNegative, Field(lt=1)] = Field(0.5, description="momentum of sgd")
    nesterov: bool = Field(False, description="Nesterov momentum, for sgd")
    weight_decay: NonNegative = Field(0.0, description="L2 penalty (sgd, adam) or decoupled decay (adamw)")
    beta1: Annotated[Positive, Field(lt=1)] = Field(0.9, description="decay of the first moment of adam and adamw")
    beta2: Annotated[Positive, Field(lt=1)] = Field(0.999, description="decay of their second moment")
    eps: Positive = Field(1e-8, description="what adam and adamw add to the root of the second moment")
    clip_norm: Positive | None = Field(
        None, description="scale gradients whose norm over all parameters is above this down to it (none)"
    )

    lr_warmup_iterations: Index = Field(0, description="iterations over which the lr rises linearly from 0")
    lr_warmup_epochs: NonNegative = Field(0.0, description="the same in epochs")
    lr_decay: Literal["none", "cosine", "linear", "step"] = Field(
        "none", description="how the lr falls after the warm-up: to 0 as a half cosine or a line, or in steps"
    )
    lr_decay_iterations: Count | None = Field(
        None, description="length of the fall, or of one step (what the budget leaves after the warm-up)"
    )
    lr_decay_epochs: Positive | None = Field(None, description="the same in epochs")
    lr_decay_factor: Annotated[Positive, Field(lt=1)] = Field(0.1, description="each step multiplies the lr by this")
    lr_rule: Literal["none", "linear", "sqrt"] = Field(
        "none",
        description="how the lrs of the grid, then meant for base_batch_size, follow the batch size B: lr × B/base, "
        "or lr × √(B/base), with adam and adamw also 1 - beta × B/base and eps / √(B/base) (Malladi et al. 2022)",
    )
    base_batch_size: Count | None = Field(None, description="the batch size that the grid's lrs are meant for")

    max_epochs: Positive | None = Field(
        None, description="budget in epochs (none; 10 for your own workload without any)"
    )
    max_iterations: Count | None = Field(None, description="budget in iterations (none)")
    max_examples: Count | None = Field(None, description="budget in examples (none)")
    max_train_seconds: Positive | None = Field(None, description="budget in seconds of training clock (none)")
    stop_at_target: bool = Field(True, description="end a trial at the target")
    min_iterations: Index = Field(
        1000, description="iterations to run, budget permitting, before the target may end it"
    )

    validation_examples: Index = Field(
        0, description="examples taken out of the training set to be judged by; the held-out set then is a test set"
    )
    validation_seed: Index = Field(0, description="decides which examples these are, for all trials alike")
    eval_every_examples: Count | None = Field(None, description="examples between evaluations (a tenth of an epoch)")
    eval_batch_size: Count = Field(1000, description="examples per batch of an evaluation")
    loss_limit: Positive | None = Field(
        None, description="a trial whose loss stays above this is diverged (10 times the loss of the initial weights)"
    )
    loss_limit_iterations: Count = Field(
        100, description="it stays above when more than half of so many iterations in a row are"
    )
    micro_batch: Count | None = Field(
        None,
        description="examples whose gradients are computed at once "
        "(the whole batch; less where that is faster on a CPU, or does not fit)",
    )
    precision: Literal["fp32", "tf32", "bf16"] = Field(
        "fp32", description="float32, float32 with TF32 products (on GPUs that have them), or bfloat16 by autocast"
    )
    engine: Literal["auto", "eager", "compile", "cuda_graph"] = Field(
        "auto", description="how an iteration runs: as CUDA graphs on a GPU, by torch.compile, or eagerly"
    )
    loader: Literal["auto", "resident", "workers"] = Field(
        "auto",
        description="where batches come from: tensors on the device (where they fit), or processes of a DataLoader",
    )
    kernels: Literal["auto", "onednn", "native", "onednn_channels_last", "native_channels_last"] = Field(
        "auto", description="convolutions on a CPU: the library and layout (those found to be fastest on this machine)"
    )
    warmup_iterations: Index = Field(3, description="first iterations, left out of all clocks but warmup_seconds")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.nesterov and (self.optimizer != "sgd" or self.momentum == 0):
            raise ValueError("nesterov: needs optimizer sgd and a momentum above 0")
        if self.lr_warmup_iterations and self.lr_warmup_epochs:
            raise ValueError("lr_warmup_epochs: give it or lr_warmup_iterations, not both")
        if self.lr_decay_iterations and self.lr_decay_epochs:
            raise ValueError("lr_decay_epochs: give it or lr_decay_iterations, not both")
        has_length = self.lr_decay_iterations or self.lr_decay_epochs
        if self.lr_decay == "step" and not has_length:
            raise ValueError("lr_decay: step needs the length of a step. Give lr_decay_epochs or lr_decay_iterations")
        if self.lr_decay in ("cosine", "linear") and not (has_length or self.has_counted_budget):
            raise ValueError(
                f"lr_decay: {self.lr_decay} needs a length. Give lr_decay_epochs or lr_decay_iterations, "
                "or a budget in epochs, iterations or examples"
            )
        if self.lr_rule != "none" and self.base_batch_size is None:
            raise ValueError(f"lr_rule: {self.lr_rule} needs the batch size that the lrs are for. Give base_batch_size")
        if not (self.has_counted_budget or self.max_train_seconds):
            raise ValueError(
                "max_epochs: give it, max_iterations, max_examples or max_train_seconds: a trial needs an end"
            )
        return self

    @property
    def has_counted_budget(self) -> bool:
        """Whether the budget is known in iterations before the trial runs."""
        return any((self.max_epochs, self.max_iterations, self.max_examples))

    def trial_lr(self, *, lr: float, batch_size: int) -> float:
        """Return the lr that a trial of this cell really uses: lr, lr·B/base (linear) or lr·√(B/base) (sqrt)."""
        if self.lr_rule == "none" or self.base_batch_size is None:
            return lr
        ratio = batch_size / self.base_batch_size
        return lr * (ratio if self.lr_rule == "linear" else math.sqrt(ratio))

    def effect(self) -> dict[str, Any]:
        """Return the settings among AXES that matter beside the others: adam has no momentum, for one."""
        idle = {
            "momentum": self.optimizer != "sgd",
            "nesterov": self.optimizer != "sgd",
            "lr_decay_iterations": self.lr_decay == "none",
            "lr_decay_epochs": self.lr_decay == "none",
            "lr_decay_factor": self.lr_decay != "step",
            "base_batch_size": self.lr_rule == "none",
        }
        return {name: getattr(self, name) for name in AXES if not idle.get(name)}


class TrialConfig(Recipe):
    """One training run: a cell, a seed, and all else that decides its losses."""

    batch_size: Count
    lr: Positive
    seed: Index

    @property
    def trial_id(self) -> str:
        """Readable and a function of this config alone, as b60-lr0.02-s0-3f9a2c.

        The hash covers what differs from the defaults, so that a setting which a later version adds keeps old ids.
        """
        digest = hashlib.sha256(self.model_dump_json(exclude_defaults=True).encode()).hexdigest()
        return f"b{self.batch_size}-lr{self.lr:g}-s{self.seed}-{digest[:6]}"


AXES = (
    "optimizer",
    "momentum",
    "nesterov",
    "weight_decay",
    "lr_warmup_iterations",
    "lr_warmup_epochs",
    "lr_decay",
    "lr_decay_iterations",
    "lr_decay_epochs",
    "lr_decay_factor",
    "lr_rule",
    "base_batch_size",
)
"""Settings of the recipe in which the trials of one study may differ."""


def _distinct_changes(recipes: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    for change in recipes:
        for name, value in change.items():
            if name not in AXES:
                raise ValueError(f"{name!r} can't differ from recipe to recipe. These can: {', '.join(AXES)}")
            if isinstance(value, list | tuple | dict):
                raise ValueError(f"{name} is a list inside a recipe. Give one value, or {name} as a list outside")
    if any(change in recipes[:place] for place, change in enumerate(recipes)):
        raise ValueError("one is given twice. Give each recipe once")
    return recipes


def _refuse_no_axis(name: str, values: Sequence[object], recipes: Iterable[dict[str, Any]]) -> None:
    """Refuse a setting that is a list, but none to multiply the grid by."""
    if not values:
        raise ValueError(f"{name}: is missing. Give at least one value")
    twice = [value for value in values if values.count(value) > 1]
    if twice:
        raise ValueError(f"{name}: {twice[0]} is given twice. Give each value once")
    if any(name in change for change in recipes):
        raise ValueError(f"{name}: is a list, and in recipes too. Give one of them")


class StudyConfig(Recipe):
    """A grid over recipe × batch size × lr × seed, where its results go, and what each trial may use.

    A setting among AXES may be a list: each of its values, with each of every other list and of `recipes`, is a recipe.
    """

    name: str | None = Field(None, description="the study's folder in the store (the workload's name)")
    store: str = Field("results", min_length=1, description="folder, or URI that pyarrow.fs opens, that holds studies")
    data_dir: Path | None = Field(
        None, description="folder with data sets, searched before a download ($BS_STUDY_DATA, or ~/.cache/bs_study)"
    )

    batch_sizes: Annotated[tuple[Count, ...], AfterValidator(_distinct)] = Field(
        min_length=1, description="the batch sizes of the grid"
    )
    lrs: Annotated[tuple[Positive, ...], AfterValidator(_distinct)] = Field(
        min_length=1, description="the lrs of the grid"
    )
    seeds: Annotated[tuple[Index, ...], AfterValidator(_distinct)] = Field(
        (0,), min_length=1, description="each cell is trained once with each seed"
    )

    recipes: Annotated[tuple[dict[str, Any], ...], AfterValidator(_distinct_changes)] = Field(
        (), description="train the grid with each of these sets of settings, as '{}' '{lr_warmup_epochs: 1}' (one)"
    )

    tensorboard: bool = Field(False, description="hand the evaluations of each trial to TensorBoard, as files")
    wandb: bool = Field(False, description="hand them to Weights & Biases, set up by its own environment variables")
    mlflow: bool = Field(False, description="hand them to MLflow, set up by its own environment variables")

    local: bool = Field(False, description="run trials one after another in this process, without Ray")
    address: str | None = Field(
        None,
        description="Ray cluster to join, as host:port, auto or local "
        "($RAY_ADDRESS, else the cluster that this machine belongs to, else a new Ray of this machine)",
    )
    gpus_per_trial: NonNegative | None = Field(None, description="GPUs for each trial (1 where there are GPUs, else 0)")
    cpus_per_trial: Count = Field(1, description="CPU cores, and threads of torch, for each trial")
    loader_processes: Index | None = Field(
        None,
        description="processes that read batches ahead of a trial, where they are not resident "
        "(as many as its CPU cores with loader workers, else none: it reads them itself)",
    )
    max_concurrent: Count | None = Field(None, description="trials that may run at once (as many as fit)")
    timing: bool | None = Field(
        None,
        description="time each batch size alone on its device before the trials, where that is not yet done "
        "(when more than one trial is to run on a machine at a time)",
    )
    checkpoint_seconds: Positive = Field(
        60.0, description="seconds between writes of what a running trial has recorded"
    )
    store_patience_seconds: NonNegative = Field(
        120.0, description="how long a store that stops answering is waited for"
    )
    trial_timeout: Positive | None = Field(
        None, description="seconds without progress that end a trial as failed (off)"
    )
    max_failures: Index = Field(3, description="how often a trial that fails is started again")

    @model_validator(mode="before")
    @classmethod
    def _lists_are_recipes(cls, settings: Any) -> Any:
        """Multiply the recipes by the settings that are lists; the first values stay in the settings themselves."""
        if not isinstance(settings, dict):
            return settings
        given: Any = settings.get("recipes") or ({},)
        if not (isinstance(given, list | tuple) and all(isinstance(change, dict) for change in given)):
            return settings  # `recipes` itself is refused
        lists = {name: settings[name] for name in AXES if isinstance(settings.get(name), list | tuple)}
        for name, values in lists.items():
            _refuse_no_axis(name, values, given)
        axes = {name: values for name, values in lists.items() if len(values) > 1}
        first = {name: values[0] for name, values in lists.items()}
        if not axes:
            return settings | first
        combinations = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
        return settings | first | {"recipes": [{**change, **values} for change in given for values in combinations]}

    @model_validator(mode="after")
    def _each_recipe_is_consistent(self) -> Self:
        for change in self.recipes:
            try:
                self._with(change)
            except ValidationError as error:
                named = ", ".join(f"{name} {value}" for name, value in change.items())
                raise ValueError(f"{one_line(error)} (in the recipe of {named})") from error
        return self

    def _with(self, change: dict[str, Any]) -> StudyConfig:
        return StudyConfig.model_validate(self.model_dump(exclude={"recipes"}) | change)

    def each_recipe(self) -> list[StudyConfig]:
        """Return a config for each recipe, which then has no other; itself where it has one.

        Of recipes that train the same, as adam with two momenta, the first stands for all.
        """
        if not self.recipes:
            return [self]
        configs: dict[tuple[object, ...], StudyConfig] = {}
        for change in self.recipes:
            config = self._with(change)
            configs.setdefault(tuple(config.effect().items()), config)
        return list(configs.values())

    @model_validator(mode="after")
    def _name_stays_in_the_store(self) -> Self:
        if self.name is not None and not STUDY_NAME.fullmatch(self.name):
            raise ValueError(
                f"name: {self.name!r} can't be a study's folder. "
                "Use up to 100 letters, digits, '.', '_' and '-', a letter or digit first and no '.' last"
            )
        if self.name is not None and DEVICE.fullmatch(self.name):
            raise ValueError(f"name: {self.name!r} is a device's name on Windows. Choose another")
        if self.gpus_per_trial and self.gpus_per_trial > 1 and not self.gpus_per_trial.is_integer():
            raise ValueError(f"gpus_per_trial: {self.gpus_per_trial:g} is no whole number. Above 1, give whole GPUs")
        if self.local and self.address:
            raise ValueError("address: a local study uses no cluster. Give address or local, not both")
        return self

    @model_validator(mode="after")
    def _lrs_stay_numbers(self) -> Self:
        for lr, batch_size in ((min(self.lrs), min(self.batch_sizes)), (max(self.lrs), max(self.batch_sizes))):
            scaled = self.trial_lr(lr=lr, batch_size=batch_size)
            if not 0 < scaled < math.inf:
                raise ValueError(
                    f"lr_rule: {self.lr_rule} makes lr {lr:g} at batch size {batch_size} {scaled:g}. Give other lrs"
                )
        return self

    @model_validator(mode="after")
    def _betas_stay_decays(self) -> Self:
        moments = self.trial_moments(batch_size=max(self.batch_sizes))
        for name in ("beta1", "beta2"):
            if moments.get(name, 1) < 1e-12:  # 0 but for rounding
                end = (self.base_batch_size or 1) / (1 - getattr(self, name))
                raise ValueError(
                    f"lr_rule: sqrt makes {name} of {self.optimizer} {moments[name]:g} at batch size "
                    f"{max(self.batch_sizes)}, not between 0 and 1. Use batch sizes below {end:g}, or another rule"
                )
        return self

    def trial_moments(self, *, batch_size: int) -> dict[str, float]:
        """Return what the square-root rule makes of beta1, beta2 and eps at a batch size; nothing for other rules.

        With k = B/base: 1 - beta becomes (1 - beta)·k, eps becomes eps/√k (Malladi et al. 2022).
        """
        if self.lr_rule != "sqrt" or self.optimizer == "sgd" or self.base_batch_size in (None, batch_size):
            return {}
        ratio = batch_size / self.base_batch_size
        betas = {name: 1 - (1 - getattr(self, name)) * ratio for name in ("beta1", "beta2")}
        return betas | {"eps": self.eps / math.sqrt(ratio)}


NOT_CONTRADICTING = frozenset(
    {
        "store",
        "data_dir",
        "local",
        "address",
        "gpus_per_trial",
        "loader_processes",
        "max_concurrent",
        "checkpoint_seconds",
        "max_failures",
        "store_patience_seconds",
        "trial_timeout",
        "timing",
        "tensorboard",
        "wandb",
        "mlflow",
    }
)
"""Settings that say where and how a study runs, not what it is: a resumed study may be given others."""


def one_line(error: ValidationError) -> str:
    """Return what is wrong with a config in one line: setting, value, what is right."""
    found = {e["loc"][:1]: _describe(e["loc"], e["msg"], e.get("input")) for e in reversed(error.errors())}
    return " ".join("; ".join(reversed(found.values())).split())


def _describe(loc: tuple[int | str, ...], message: str, value: object) -> str:
    message = message.removeprefix("Value error, ").removeprefix("Input ").replace("a valid tuple", "a list")
    if not loc:
        return message
    if message == "Field required" or value == ():
        return f"{loc[0]}: is missing. Give at least one value"
    if message.startswith("Extra inputs"):
        near = difflib.get_close_matches(str(loc[0]), StudyConfig.model_fields, n=1)
        return f"{loc[0]}: unknown setting" + (f". Did you mean {near[0]!r}?" if near else "")
    message = message.removeprefix(f"{value!r} ")
    shown = "" if isinstance(value, tuple | dict) else f"{value!r} "
    return f"{loc[0]}: {shown}{message}"
