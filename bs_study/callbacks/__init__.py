"""What lets trainers of other packages report: each module is for one, and imports it."""
