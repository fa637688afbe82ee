"""Gradients of four batches for one update, clipped; images are mixed within each batch."""

import timm
import torch
from torch.utils.data import DataLoader, TensorDataset

from adautomix import AdAutoMix, rng_for

data = TensorDataset(torch.randn(64, 3, 32, 32), torch.arange(64) % 10)  # yours, normalised
loader = DataLoader(data, batch_size=8, shuffle=True, drop_last=True)
method = AdAutoMix().build(timm.create_model("resnet18", num_classes=10), side=32)
optimiser = torch.optim.SGD(method.parameters(), lr=0.05, momentum=0.9)

for step, (images, labels) in enumerate(loader):
    losses = method(images, labels, rng_for(seed=0, step=step))
    (losses.total / 4).backward()
    if (step + 1) % 4 == 0:
        norm = torch.nn.utils.clip_grad_norm_(method.classifier.parameters(), max_norm=5.0)
        optimiser.step()
        optimiser.zero_grad()
        method.after_step(progress=(step + 1) / len(loader))  # once an update
        print(f"update {(step + 1) // 4}: norm of the classifier's gradient {float(norm):.2f}")
