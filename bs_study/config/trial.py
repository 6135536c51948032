"""One training run, and its id."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic_core import to_json

from bs_study.config.settings import KEPT, TrialSettings
from bs_study.config.values import Count, Index, Positive, flat, nested


class TrialConfig(BaseModel):
    """One training run: a cell, a seed, and all else that decides its losses.

    Its settings may be given beside the cell, and are dumped so.

    >>> TrialConfig(batch_size=60, lr=0.02, seed=0, max_epochs=1, momentum=0.9).settings.momentum
    0.9
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: TrialSettings
    batch_size: Count
    lr: Positive
    seed: Index

    @model_validator(mode="before")
    @classmethod
    def _nested(cls, given: Any) -> Any:
        return nested(given, TrialSettings, name="settings")

    @model_validator(mode="after")
    def _can_be_trained(self) -> Self:
        self.settings.refuse_contradictions()
        return self

    @model_serializer(mode="wrap")
    def _flat(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return flat(dump(self), name="settings")

    @property
    def trial_id(self) -> str:
        """Readable and a function of this config alone, as b60-lr0.02-s0-3f9a2c51d07be846.

        The hash covers what differs from the defaults, so that a setting which a later version adds keeps old ids.
        """
        digest = hashlib.sha256(self.distinction().encode()).hexdigest()
        return f"b{self.batch_size}-lr{self.lr:g}-s{self.seed}-{digest[: self.settings.trial_id_digits]}"

    def distinction(self, *, but: Iterable[str] = ()) -> str:
        """Return what differs from the defaults, as JSON; ids are made of it.

        A study of version 0.1 knows no `eval_spacing`, and its ids stay what they were.

        Args:
            but: parts of the cell, or the seed, that are left out.
        """
        left_out = set(but)
        cell = {name: getattr(self, name) for name in ("batch_size", "lr", "seed") if name not in left_out}
        parts = [_KNOWN_SETTINGS.distinction(self.settings), to_json(cell).decode()]
        return f"{{{','.join(part[1:-1] for part in parts if len(part) > 2)}}}"


class _KnownSettings:
    """What differs from the defaults, as JSON, of the settings that were asked for last.

    Many trials share one object of settings, whose dump takes longer than all else of an id. It is known by being the
    very object, which is frozen: 1 and 1.0 are equal, and are not the same in JSON.
    """

    MOST = 1000

    def __init__(self) -> None:
        self._known: dict[int, tuple[TrialSettings, str]] = {}

    def distinction(self, settings: TrialSettings) -> str:
        # One look and no other: another thread may take it away. Settings that are held here keep their id.
        known = self._known.get(id(settings))
        if known is not None:
            return known[1]
        unknown = {*KEPT, *(["eval_spacing"] if settings.eval_spacing is None else [])}
        dumped = settings.model_dump_json(exclude_defaults=True, exclude=unknown)
        if len(self._known) >= self.MOST:
            self._known = {}
        self._known[id(settings)] = settings, dumped
        return dumped


_KNOWN_SETTINGS = _KnownSettings()
