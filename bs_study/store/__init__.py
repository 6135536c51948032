"""The store: what every trial writes and every analysis reads, as plain Parquet."""

from bs_study.store.reader import Study, open_study

__all__ = ["Study", "open_study"]
