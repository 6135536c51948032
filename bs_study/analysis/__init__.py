"""What a store says: tables in, tables out, with numpy, pandas and scipy alone."""

from bs_study.analysis.tables import StudyTables, study_tables

__all__ = ["StudyTables", "study_tables"]
