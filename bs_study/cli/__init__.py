"""The command `bs-study`: one file for each of its commands."""
