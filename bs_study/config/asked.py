"""All that a person sets, flat as files and flags have it, and its two parts: the study, and how it is launched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from bs_study.config.launch import LaunchOptions
from bs_study.config.refusal import one_line
from bs_study.config.settings import KEPT, TrialSettings
from bs_study.config.study import StudyConfig
from bs_study.words import shown

STUDY_FIELDS = {
    name: field
    for name, field in (TrialSettings.model_fields | StudyConfig.model_fields).items()
    if name not in ("settings", *KEPT)
}
LAUNCH_FIELDS = LaunchOptions.model_fields
FIELDS: dict[str, FieldInfo] = STUDY_FIELDS | LAUNCH_FIELDS
"""Every setting by its name."""


class Asked(NamedTuple):
    """What a study is, and where and how it runs."""

    config: StudyConfig
    options: LaunchOptions


def asked(settings: Mapping[str, Any]) -> Asked:
    """Return the study and the launch that flat settings ask for.

    Raises:
        ValueError: one is unknown, missing or wrong; the message says in one line which, and what would be right.
    """
    launch = {name: value for name, value in settings.items() if name in LAUNCH_FIELDS}
    study = {name: value for name, value in settings.items() if name not in LAUNCH_FIELDS}
    complaints = [
        f"{name}: {shown(value)} is empty. Give a value, or leave it out"
        for name, value in settings.items()
        if isinstance(value, str) and not value.strip()
    ]
    if complaints:
        raise ValueError("; ".join(complaints))
    found = []
    for model, own in ((StudyConfig, study), (LaunchOptions, launch)):
        try:
            found.append(model.model_validate(own))
        except ValidationError as error:
            complaints.append(one_line(error, known=FIELDS))
    if complaints:
        raise ValueError("; ".join(complaints))
    config, options = found
    return Asked(config, options)  # type: ignore[arg-type]  # in the order of the loop


def study_settings(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a study among stored ones. Older versions stored its launch too: that is not read."""
    return {name: value for name, value in stored.items() if name not in LAUNCH_FIELDS}
