"""What a store says: tables in, tables and records out, with numpy, pandas and scipy alone."""
