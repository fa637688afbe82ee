"""Runs: training a recipe to a record, and resuming, repeating and evaluating recorded runs."""
