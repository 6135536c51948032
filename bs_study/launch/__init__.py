"""Where trials run: one after another in this process, or on Ray."""
