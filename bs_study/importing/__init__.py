"""Runs that were made elsewhere become a study that every report reads."""
