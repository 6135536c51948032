"""The settings of a trial: how it is trained, judged and ended, whatever its cell and seed."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, PlainSerializer, model_validator

from bs_study.config.lr_rule import LrRule, lr_multiplier, scaled_moments
from bs_study.config.values import Count, Index, NonNegative, Odd, Positive
from bs_study.target import OpenTarget, Target, read_target

COUNTED_BUDGETS = ("max_epochs", "max_iterations", "max_examples")
"""The budgets that are known in iterations before a trial runs."""
BUDGETS = (*COUNTED_BUDGETS, "max_train_seconds")
"""The settings that end a trial which has not reached its target."""
KEPT = ("trial_id_digits",)
"""Settings that a study keeps from its beginning. Nobody sets them, and they change no loss."""


def _as_target(given: object) -> Target | OpenTarget | None:
    if given is None or isinstance(given, Target | OpenTarget):
        return given
    if not isinstance(given, str):
        raise ValueError("is no target. Write one like 'accuracy>=0.98' or 'loss<=0.1'")
    return read_target(given)


# Text in files and rows, a target everywhere else. One without direction gets it when the workload is known.
AnyTarget = Annotated[
    InstanceOf[Target] | InstanceOf[OpenTarget] | None,
    BeforeValidator(_as_target),
    PlainSerializer(lambda target: None if target is None else str(target)),
]


class TrialSettings(BaseModel):
    """How a trial is trained, judged and ended, whatever its cell and seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workload: str = Field(
        "digits",
        min_length=1,
        description="what is trained: a built-in, as cifar10, or your own as package.module:Class, file.py:Class or "
        "file.py:function",
    )
    target: AnyTarget = Field(
        None,
        description="metric, direction and value to reach, as 'accuracy>=0.98' or 'loss<=0.1'; = will do for a metric "
        "of which it is known which way is better (the workload's)",
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
    lr_rule: LrRule = Field(
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
    target_window: Odd = Field(
        1, description="the target is reached when the median of so many evaluations in a row meets it (an odd number)"
    )
    min_iterations: Index = Field(
        1000, description="iterations to run, budget permitting, before the target may end it"
    )

    validation_examples: Index = Field(
        0, description="examples taken out of the training set to be judged by; the held-out set then is a test set"
    )
    validation_seed: Index = Field(0, description="decides which examples these are, for all trials alike")
    eval_spacing: Annotated[Positive, Field(gt=1)] | None = Field(
        1.05,
        description="factor of iterations from one evaluation to the next: by 1.05 they are 5 % apart, or up to 10 % "
        "where max_eval_share asks for it; null, as in studies of version 0.1: every tenth of an epoch",
    )
    max_eval_share: Annotated[Positive, Field(le=1)] = Field(
        0.25,
        description="part of a trial's time that evaluations are to take at most, if a forward pass takes a third of "
        "an update",
    )
    eval_every_examples: Count | None = Field(
        None, description="examples between evaluations (those that eval_spacing and max_eval_share give)"
    )
    eval_batch_size: Count = Field(1000, description="examples per batch of an evaluation")
    loss_limit: Positive | None = Field(
        None,
        description="a trial whose loss stays above this is diverged "
        "(10 times the training loss of the initial weights)",
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
    trial_id_digits: Literal[6, 16] = Field(
        16,
        description="hex digits of the hash in a trial's id: 6 in studies of older versions, whose trials keep theirs",
    )

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if ":" not in self.workload:  # code of the user's may be a function, which ends by itself
            self.refuse_endless()
        return self

    def refuse_endless(self) -> None:
        """Raise if no budget ends a trial."""
        if not (self.has_counted_budget or self.max_train_seconds):
            raise ValueError(
                "max_epochs: give it, max_iterations, max_examples or max_train_seconds: a trial needs an end"
            )

    def refuse_contradictions(self) -> None:
        """Raise if settings of the recipe don't go together, of those that apply to it.

        It is asked of what is trained alone: settings that recipes complete need not stand by themselves.
        """
        if self.nesterov and not self.has_momentum:
            raise ValueError("nesterov: needs optimizer sgd and a momentum above 0")
        if self.lr_warmup_iterations and self.lr_warmup_epochs:
            raise ValueError("lr_warmup_epochs: give it or lr_warmup_iterations, not both")
        if self.lr_decay != "none" and self.lr_decay_iterations and self.lr_decay_epochs:
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

    @property
    def has_momentum(self) -> bool:
        """Whether there is a momentum, which Nesterov's could take the place of."""
        return self.optimizer == "sgd" and self.momentum > 0

    @property
    def has_counted_budget(self) -> bool:
        """Whether the budget is known in iterations before the trial runs."""
        return any(getattr(self, name) for name in COUNTED_BUDGETS)

    def lr_ratio(self, batch_size: int) -> float:
        """Return what the lr rule follows: the batch size by the one that the lrs are meant for; 1 without a rule."""
        return batch_size / self.base_batch_size if self.lr_rule != "none" and self.base_batch_size else 1.0

    def trial_lr(self, *, lr: float, batch_size: int) -> float:
        """Return the lr that a trial of this cell really uses."""
        return lr * lr_multiplier(self.lr_rule, self.lr_ratio(batch_size))

    def moments(self, batch_size: int) -> dict[str, float]:
        """Return the beta1, beta2 and eps that a trial of this batch size really uses; SGD has none to move."""
        rule: LrRule = "none" if self.optimizer == "sgd" else self.lr_rule
        ratio = self.lr_ratio(batch_size)
        return scaled_moments(rule, ratio, beta1=self.beta1, beta2=self.beta2, eps=self.eps)
