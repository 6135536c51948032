"""The check of a store's invariants: ``python -m bs_study.store.check results/<study>``."""

from bs_study.store.check.study import problems, unfinished

__all__ = ["problems", "unfinished"]
