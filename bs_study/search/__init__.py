"""What to train next: pure functions of what was asked and of how the trials ended so far."""
