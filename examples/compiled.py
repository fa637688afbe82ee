"""The tensor part of a step compiled as one graph; random numbers stay on the host."""

import timm
import torch
from torch.utils.data import DataLoader, TensorDataset

from adautomix import AdAutoMix, rng_for

data = TensorDataset(torch.randn(48, 3, 32, 32), torch.arange(48) % 10)  # yours, normalised
loader = DataLoader(data, batch_size=16, shuffle=True, drop_last=True)
method = AdAutoMix(n=2).build(timm.create_model("resnet18", num_classes=10), side=32)
method.compile_step()  # and not torch.compile(model), which would hide the features
optimiser = torch.optim.SGD(method.parameters(), lr=0.05, momentum=0.9)

for step, (images, labels) in enumerate(loader):
    losses = method(images, labels, rng_for(seed=0, step=step))
    losses.total.backward()
    optimiser.step()
    optimiser.zero_grad()
    method.after_step(progress=(step + 1) / len(loader))
    print(f"loss {losses.total.item():.3f}")
