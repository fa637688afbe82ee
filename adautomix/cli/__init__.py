"""The command line."""

from adautomix.cli.main import main

__all__ = ["main"]
