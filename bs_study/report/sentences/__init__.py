"""Records of the analysis in words. Nothing is computed or judged here: each sentence says what a record holds."""
