"""What was run, with what result and how to run it again; and what the paper says.

`run` is one run, `store` keeps them on disk, `bench` benchmarks, `provenance` says where a number
came from, `paper` reads the paper's tables, `compare` sets the two side by side. Nothing here needs
torch.
"""

from adautomix.record import bench, provenance
from adautomix.record._document import BUDGETS
from adautomix.record.run import Run, run_id
from adautomix.record.store import Store, local, recorded

__all__ = [
    "BUDGETS",
    "Run",
    "Store",
    "bench",
    "local",
    "provenance",
    "recorded",
    "run_id",
]
