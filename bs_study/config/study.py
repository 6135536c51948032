"""What a study asks: its cells, seeds and recipes, and how each trial is trained."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from bs_study.config.lr_rule import refuse_extreme_lr, refuse_extreme_moments
from bs_study.config.question import At, Question, budgeted, refuse_unfit_question
from bs_study.config.recipe import Change, distinct_changes, multiplied, recipe_of, recipe_settings, typed_recipe
from bs_study.config.refusal import one_line
from bs_study.config.search import (
    FARTHEST,
    LEAST_FACTOR,
    MOST_MARGIN,
    Lattice,
    Lrs,
    margin_in_force,
    refuse_extreme_start,
    refuse_idle,
    refuse_unfit_search,
    searched,
)
from bs_study.config.settings import TrialSettings
from bs_study.config.size import refuse_long_lists, refuse_too_many_trials
from bs_study.config.targets import FurtherTarget, refuse_off_the_way
from bs_study.config.values import Count, Index, Positive, distinct, flat, nested
from bs_study.words import shown

STUDY_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""What Windows keeps for its devices, with any ending."""


def _seeds_or_auto(given: object) -> object:
    """Refuse what is neither a list nor auto, in the one sentence that says both."""
    if given == "auto":
        return given
    if isinstance(given, str | dict) or not isinstance(given, Iterable):
        raise ValueError("is no list of seeds. Give one, as [0, 1, 2], or auto")
    if "auto" in given:
        raise ValueError("has auto beside other seeds. Give seeds, or auto alone")
    return given


Seeds = Annotated[
    Annotated[tuple[Index, ...], AfterValidator(distinct), Field(min_length=1)] | Literal["auto"],
    BeforeValidator(_seeds_or_auto),
]


class StudyConfig(BaseModel):
    """A grid over recipe × batch size × lr × seed, and the settings of its trials.

    The settings may be given beside the grid, and are dumped so; pydantic's filters and updates go by `settings`.
    A setting that is an axis of recipes may be a list: each of its values, with each of every other list and of
    `recipes`, is a recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: TrialSettings
    name: str | None = Field(None, description="the study's folder in the store (the workload's name)")
    batch_sizes: Annotated[tuple[Count, ...], AfterValidator(distinct)] = Field(
        min_length=1, description="the batch sizes of the grid"
    )
    lrs: Lrs = Field(description="the lrs of the grid; of a bracket, those that it tries at every batch size")
    seeds: Seeds = Field(
        (0,), description="each cell is trained once with each seed; auto: one first, then more where they decide"
    )
    targets: tuple[FurtherTarget, ...] = Field(
        (), description="further targets of the same metric, on the way to the target, that each report answers (none)"
    )
    max_seeds: Annotated[Count, Field(ge=2, le=1000)] = Field(8, description="the most seeds of a cell with seeds auto")
    search: Literal["grid", "race", "bracket"] = Field(
        "grid",
        description="which trials are trained, and how far. A grid trains all to their ends. A race ends a trial once "
        "another lr of its batch size has won. A bracket races lr_start and its neighbours, then goes on from the best",
    )
    race_margin: Annotated[Positive, Field(ge=1, le=MOST_MARGIN)] = Field(
        1.25, description="a trial is outrun when it needs more than so many times the iterations of the best lr"
    )
    lr_start: Positive | None = Field(None, description="the lr at which a bracket begins (the middle one of lrs)")
    lr_factor: Annotated[Positive, Field(ge=LEAST_FACTOR, le=FARTHEST)] | None = Field(
        None, description="the factor between neighbouring lrs of a bracket (the step of lrs; 2 where there is one)"
    )
    refine: bool = Field(False, description="a bracket tries half a step on each side of the best lr too")
    recipes: Annotated[tuple[Change, ...], AfterValidator(distinct_changes)] = Field(
        (), description="train the grid with each of these sets of settings, as '{}' '{lr_warmup_epochs: 1}' (one)"
    )
    question: Question = Field(
        "time-to-target",
        description="what is asked: how soon the target is met, or the lowest held-out loss after the budget `at`",
    )
    at: At = Field(
        None, description="with question loss-at: the budget, as examples=50000, iterations=2000 or seconds=60 (none)"
    )
    cpus_per_trial: Count = Field(1, description="CPU cores, and threads of torch, for each trial")

    @model_validator(mode="before")
    @classmethod
    def _nested(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return nested(given, TrialSettings, name="settings")
        refuse_long_lists(given)
        return nested(budgeted(searched(multiplied(given))), TrialSettings, name="settings")

    @model_serializer(mode="wrap")
    def _flat(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return flat(dump(self), name="settings")

    @model_validator(mode="after")
    def _name_stays_in_the_store(self) -> Self:
        if self.name is not None and not STUDY_NAME.fullmatch(self.name):
            raise ValueError(
                f"name: {shown(self.name)} can't be a study's folder. "
                "Use up to 100 letters, digits, '.', '_' and '-', a letter or digit first and no '.' last"
            )
        if self.name is not None and DEVICE.fullmatch(self.name):
            raise ValueError(f"name: {shown(self.name)} is a device's name on Windows. Choose another")
        return self

    @model_validator(mode="after")
    def _nothing_is_idle(self) -> Self:
        defaults = {name: field.default for name, field in StudyConfig.model_fields.items()}
        refuse_idle(self.search, given=dict(self), defaults=defaults)
        if self.seeds != "auto" and self.max_seeds != defaults["max_seeds"]:
            raise ValueError(f"max_seeds: {self.max_seeds} is for seeds auto. Leave it out, or give seeds auto")
        refuse_extreme_start(self.lr_start)
        refuse_unfit_question(self.question, self.at, search=self.search, seeds=self.seeds, settings=self.settings)
        return self

    @model_validator(mode="after")
    def _is_no_slip(self) -> Self:
        seeds = self.max_seeds if self.seeds == "auto" else len(self.seeds)
        refuse_too_many_trials(
            recipes=max(1, len(self.recipes)), batch_sizes=len(self.batch_sizes), lrs=len(self.lrs), seeds=seeds
        )
        return self

    @model_validator(mode="after")
    def _each_recipe_is_consistent(self) -> Self:
        if not self.recipes:
            self._refuse_untrainable(self.settings)
        for change in self.recipes:
            try:
                self._refuse_untrainable(recipe_settings(self.settings, change))
            except ValidationError as error:
                raise ValueError(f"{one_line(error)} (in the recipe {typed_recipe(change)})") from error
            except ValueError as error:
                raise ValueError(f"{error} (in the recipe {typed_recipe(change)})") from error
        self._refuse_idle_nesterov()
        return self

    @model_validator(mode="after")
    def _targets_lie_on_the_way(self) -> Self:
        refuse_off_the_way(self.targets, self.settings.target, stops=self.settings.stop_at_target)
        return self

    def _refuse_untrainable(self, settings: TrialSettings) -> None:
        settings.refuse_contradictions()
        refuse_unfit_search(self.search, settings)
        self._refuse_beyond_the_rule(settings)

    def _refuse_idle_nesterov(self) -> None:
        """Refuse Nesterov where no recipe that asks for it has a momentum, as where there is one recipe alone."""
        wanted = [change for change in self.recipes if change.get("nesterov", self.settings.nesterov)]
        if wanted and not any(recipe_settings(self.settings, change).nesterov for change in wanted):
            raise ValueError(
                "nesterov: no recipe that it is asked of has optimizer sgd and a momentum above 0 "
                f"({', '.join(map(typed_recipe, wanted[:3]))}). Leave it out"
            )

    def _refuse_beyond_the_rule(self, settings: TrialSettings) -> None:
        """Refuse a grid whose lrs or moments the lr rule takes out of their range."""
        for pick in (min, max):
            lr, batch_size = pick(self.lrs), pick(self.batch_sizes)
            refuse_extreme_lr(settings.lr_rule, settings.lr_ratio(batch_size), lr=lr, batch_size=batch_size)
            refuse_extreme_moments(
                settings.moments(batch_size),
                settings.model_dump(include={"beta1", "beta2", "eps"}),
                optimizer=settings.optimizer,
                base=settings.base_batch_size or 1,
                batch_size=batch_size,
            )

    @property
    def first_seeds(self) -> tuple[int, ...]:
        """The seeds that each cell is trained with, whatever comes of it."""
        return (0,) if self.seeds == "auto" else self.seeds

    @property
    def most_seeds(self) -> tuple[int, ...]:
        """All seeds that a cell may be trained with."""
        return tuple(range(self.max_seeds)) if self.seeds == "auto" else self.seeds

    @property
    def margin(self) -> float:
        """The margin of its races, which an even number of seeds for each cell makes larger."""
        is_even = self.seeds != "auto" and len(self.seeds) % 2 == 0
        return float(margin_in_force(Fraction(str(self.race_margin)), is_even=is_even))

    @property
    def lattice(self) -> Lattice | None:
        """The lrs of a bracket; None of another search."""
        is_bracket = self.search == "bracket"
        return Lattice(self.lr_start or self.lrs[0], self.lr_factor or 2.0) if is_bracket else None

    def each_recipe(self) -> list[TrialSettings]:
        """Return the settings of each recipe; of recipes that train the same, as adam with two momenta, the first."""
        distinct_recipes: dict[tuple[object, ...], TrialSettings] = {}
        for settings in [recipe_settings(self.settings, change) for change in self.recipes] or [self.settings]:
            distinct_recipes.setdefault(tuple(recipe_of(settings).items()), settings)
        return list(distinct_recipes.values())
