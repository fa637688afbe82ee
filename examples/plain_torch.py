"""A loop of one's own: a method's forward is the whole step, one backward serves both networks."""

import timm
import torch
from torch.utils.data import DataLoader, TensorDataset

from adautomix import AdAutoMix, rng_for

data = TensorDataset(torch.randn(32, 3, 32, 32), torch.arange(32) % 10)  # yours, normalised
loader = DataLoader(data, batch_size=16, shuffle=True, drop_last=True)
method = AdAutoMix().build(timm.create_model("resnet18", num_classes=10), side=32)
optimiser = torch.optim.SGD(method.parameters(), lr=0.05, momentum=0.9)

for step, (images, labels) in enumerate(loader):
    losses = method(images, labels, rng_for(seed=0, step=step))
    losses.total.backward()
    optimiser.step()
    optimiser.zero_grad()
    method.after_step(progress=(step + 1) / len(loader))  # the teacher follows
    print({name: f"{float(term):.3f}" for name, term in losses.terms.items()})
