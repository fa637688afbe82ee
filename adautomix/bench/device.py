"""Suite `device`: speed of matrix products, and the share of it that a training step reaches."""

from collections.abc import Callable

import torch
from torch import Tensor

from adautomix.bench.case import Trial
from adautomix.bench.options import BenchOptions, Row


def device(options: BenchOptions) -> list[Row]:
    """Return rows for large matrix products in each precision, and for steps of two methods."""
    side = 8192 if options.cuda else 256 if options.tiny else 2048
    tasks, flops = {}, {}
    for dtype in (torch.float32, torch.bfloat16):
        name = f"matrices {str(dtype).removeprefix('torch.')}"
        tasks[name] = _product(side, dtype, options.numerics.device)
        flops[name] = 2 * side**3
    for method in ("plain", "adautomix"):
        for batch in options.batches:
            name = f"{method}, batch {batch}"
            trial = Trial(options.case(method, batch), options.numerics)
            flops[name], tasks[name] = trial.flops(), trial.step
    timings = options.time(tasks)
    rates = {name: flops[name] / timings.median(name) for name in tasks}
    kind = "bfloat16" if options.numerics.precision == "bf16" else "float32"
    reached = rates[f"matrices {kind}"]
    return [
        {
            "what": name,
            "seconds": timings.median(name),
            "flop_per_second": rates[name],
            "share_of_matrices": rates[name] / reached,
        }
        for name in tasks
    ]


def _product(side: int, dtype: torch.dtype, where: str) -> Callable[[], object]:
    a, b = (torch.randn(side, side, device=where).to(dtype) for _ in range(2))
    out: Tensor = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out)
