"""Suite `device`: how fast the device multiplies matrices, and what share of it a step reaches."""

import torch
from torch import Tensor

from adautomix.bench.case import Trial
from adautomix.bench.conditions import Conditions, Row


def device(conditions: Conditions) -> list[Row]:
    """Large matrix products in each precision, then the steps of plain training and AdAutoMix."""
    side = 8192 if conditions.cuda else 256 if conditions.tiny else 2048
    tasks, flops = {}, {}
    for dtype in (torch.float32, torch.bfloat16):
        name = f"matrices {str(dtype).removeprefix('torch.')}"
        tasks[name] = _product(side, dtype, conditions.numerics.device)
        flops[name] = 2 * side**3
    for method in ("plain", "adautomix"):
        for batch in conditions.batches:
            name = f"{method}, batch {batch}"
            trial = Trial(conditions.case(method, batch), conditions.numerics)
            flops[name], tasks[name] = trial.flops(), trial.step
    timings = conditions.time(tasks)
    rates = {name: flops[name] / timings.median(name) for name in tasks}
    kind = "bfloat16" if conditions.numerics.precision == "bf16" else "float32"
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


def _product(side: int, dtype: torch.dtype, where: str):
    a, b = (torch.randn(side, side, device=where).to(dtype) for _ in range(2))
    out: Tensor = torch.empty_like(a)
    return lambda: torch.mm(a, b, out=out)
