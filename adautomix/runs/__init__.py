"""Runs: from what is wanted to a record, gone on with, repeated and evaluated."""
