"""The check of a store's invariants: ``python -m bs_study.store.check results/<study>``."""
