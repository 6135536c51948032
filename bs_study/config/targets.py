"""Further targets: those that a study's report answers beside its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BeforeValidator, InstanceOf, PlainSerializer

from bs_study.target import OpenTarget, Target
from bs_study.words import shown


def _as_target(given: object) -> Target:
    if isinstance(given, Target):
        return given
    if not isinstance(given, str):
        raise ValueError(f"{shown(given)} is no target. Write one like 'accuracy>=0.98' or 'loss<=0.1'")
    return Target.parse(given)


FurtherTarget = Annotated[InstanceOf[Target], BeforeValidator(_as_target), PlainSerializer(str)]


def refuse_off_the_way(targets: Iterable[Target], own: Target | OpenTarget | None, *, stops: bool) -> None:
    """Refuse targets of another metric than a study's own, and those that no trial of it goes on to.

    Args:
        own: the study's; where it is not known yet, nothing is refused.
        stops: whether trials end at it.
    """
    if not isinstance(own, Target):
        return
    for one in targets:
        if (one.metric, one.direction) != (own.metric, own.direction):
            raise ValueError(
                f"targets: {one.typed} and the target, {own.typed}, are not of one metric. Ask the report for it: "
                f"--target {one.in_shell}"
            )
        if stops and not one.is_met(own.value):
            raise ValueError(
                f"targets: {one.typed} is harder than the target, {own.typed}, where a trial ends. Make it the target"
            )
