"""The process of a command: its output, how it is stopped, and what a dead one has left."""
