"""The report of `adautomix doctor`: versions, devices, datasets and runs on this machine."""

import os
import platform
import subprocess
import sys

from adautomix.data import catalog, download
from adautomix.errors import AdAutoMixError
from adautomix.record import provenance
from adautomix.record.store import is_copy, local, recorded


def report() -> str:
    """Return versions, devices, datasets and runs as text; nothing is downloaded or changed."""
    return "\n\n".join([_versions(), _device(), _datasets(), _runs()])


def _versions() -> str:
    lines = [
        f"  {name:<12} {version or 'missing'}" for name, version in provenance.versions().items()
    ]
    return "\n".join([f"Versions on {platform.system()} {platform.machine()}:", *lines])


def _device() -> str:
    import torch

    from adautomix.device import decide

    numerics = decide()
    kernels = torch.backends.cpu.get_cpu_capability()
    if limit := os.environ.get("ONEDNN_MAX_CPU_ISA"):
        kernels += f", oneDNN limited to {limit}"
    lines = [
        f"  CPU          {provenance.cpu_name()}, {torch.get_num_threads()} threads, {kernels}",
        f"               {_trains()}",
    ]
    lines += [
        f"  cuda:{i}       {torch.cuda.get_device_name(i)}"
        for i in range(torch.cuda.device_count())
    ]
    chosen = f"  auto chooses {numerics.device}, {numerics}"
    return "\n".join(["Devices:", *lines, chosen])


TRAIN_A_STEP = """
import torch
from adautomix.models import Net
network = Net("resnet18", width=8).build(10)
network(torch.randn(4, 3, 32, 32)).sum().backward()
print(all(bool(p.grad.isfinite().all()) for p in network.parameters()))
"""
"""Program that runs the narrowest network of the package forward and backward."""


def _trains() -> str:
    """Return whether a training step works, tried in another process, since it may crash."""
    done = subprocess.run(
        [sys.executable, "-c", TRAIN_A_STEP], capture_output=True, text=True, check=False
    )
    if done.returncode == 0 and done.stdout.strip() == "True":
        return "a step of training ends well"
    why = f"signal {-done.returncode}" if done.returncode < 0 else "an error or wrong numbers"
    return (
        f"training fails here ({why}): take another version of torch, or set "
        "torch.backends.mkldnn.enabled = False before you train"
    )


def _datasets() -> str:
    return "\n".join(["Datasets:", *(f"  {name:<12} {_dataset(name)}" for name in catalog.names())])


def _dataset(name: str) -> str:
    """Return where a dataset is, or what is wrong with it, or how to get it."""
    try:
        if catalog.info(name).embedded:
            download.verify(name)
            return "embedded, its digests agree"
        found = download.where(name)
    except AdAutoMixError as error:
        return str(error)
    return str(found or f"missing; get it with: {catalog.info(name).get}")


def _runs() -> str:
    here, published = local(), recorded()
    made = sum(not is_copy(run) for run in here.all())
    return (
        f"Runs:\n  made here    {made} in {here.root}\n"
        f"  recorded     {len(published.all())} came with the package"
    )
