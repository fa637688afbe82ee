"""Hugging Face Accelerate: `accelerate launch examples/with_accelerate.py`."""

import timm
import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader, TensorDataset

from adautomix import AdAutoMix, rng_for

data = TensorDataset(torch.randn(32, 3, 32, 32), torch.arange(32) % 10)  # yours, normalised
loader = DataLoader(data, batch_size=16, shuffle=True, drop_last=True)
method = AdAutoMix().build(timm.create_model("resnet18", num_classes=10), side=32)
optimiser = torch.optim.SGD(method.parameters(), lr=0.05, momentum=0.9)
accelerator = Accelerator()
method, optimiser, loader = accelerator.prepare(method, optimiser, loader)

for step, (images, labels) in enumerate(loader):
    losses = method(images, labels, rng_for(seed=0, step=step, rank=accelerator.process_index))
    accelerator.backward(losses.total)
    optimiser.step()
    optimiser.zero_grad()
    accelerator.unwrap_model(method).after_step(progress=(step + 1) / len(loader))
    accelerator.print(f"loss {losses.total.item():.3f}")
