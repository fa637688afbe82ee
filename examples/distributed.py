"""Several processes: torchrun --nproc-per-node=2 examples/distributed.py."""

import timm
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from adautomix import AdAutoMix, rng_for

distributed.init_process_group("gloo")
rank = distributed.get_rank()
method = AdAutoMix().build(timm.create_model("resnet18", num_classes=10), side=32)
wrapped = DistributedDataParallel(method)  # the whole method: one forward a step
optimiser = torch.optim.SGD(method.parameters(), lr=0.05, momentum=0.9)

for step in range(2):
    images, labels = torch.randn(16, 3, 32, 32), torch.randint(0, 10, (16,))  # this process's
    losses = wrapped(images, labels, rng_for(seed=0, step=step, rank=rank))
    losses.total.backward()
    optimiser.step()
    optimiser.zero_grad()
    method.after_step(progress=(step + 1) / 2)  # the same in every process
    print(f"process {rank}: loss {losses.total.item():.3f}")
distributed.destroy_process_group()
