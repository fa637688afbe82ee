"""Records of runs and benchmarks on disk: recipe, results, and how to reproduce them.

`run` defines one run, `store` reads and writes runs, `bench` benchmarks, `provenance` collects
commit, versions and hardware, `lock` keeps two processes from making the same run. Nothing here
imports torch.
"""

from adautomix.record import bench, provenance
from adautomix.record._document import BUDGETS
from adautomix.record.run import Run, run_id
from adautomix.record.store import Store, adopted, is_copy, local, recorded

__all__ = [
    "BUDGETS",
    "Run",
    "Store",
    "adopted",
    "bench",
    "is_copy",
    "local",
    "provenance",
    "recorded",
    "run_id",
]
