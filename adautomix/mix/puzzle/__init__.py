"""Parts of PuzzleMix: its energy, two solvers, and the transport of patches."""

from adautomix.mix.puzzle.energy import Energy, Terms, puzzle_energy, total
from adautomix.mix.puzzle.solvers import SOLVERS, graphcut, relaxed
from adautomix.mix.puzzle.transport import assign, carry

__all__ = [
    "SOLVERS",
    "Energy",
    "Terms",
    "assign",
    "carry",
    "graphcut",
    "puzzle_energy",
    "relaxed",
    "total",
]
