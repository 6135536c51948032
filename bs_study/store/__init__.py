"""The store: what every trial writes and every analysis reads, as plain Parquet."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bs_study.store.reader import Study, open_study

__all__ = ["Study", "open_study"]


def __getattr__(name: str) -> object:
    """Load the reader when it is asked for: a command hears of a Ctrl-C before pandas is here."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bs_study.store import reader

    return getattr(reader, name)
