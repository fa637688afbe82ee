"""Experiments and their results: the paper's numbers, recorded runs and local runs side by side."""
