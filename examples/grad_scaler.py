"""Half precision (float16) with a GradScaler; bfloat16 needs the autocast alone."""

import timm
import torch
from torch.utils.data import DataLoader, TensorDataset

from adautomix import AdAutoMix, rng_for

device = "cuda" if torch.cuda.is_available() else "cpu"
data = TensorDataset(torch.randn(32, 3, 32, 32), torch.arange(32) % 10)  # yours, normalised
loader = DataLoader(data, batch_size=16, shuffle=True, drop_last=True)
method = AdAutoMix().build(timm.create_model("resnet18", num_classes=10), side=32).to(device)
optimiser = torch.optim.SGD(method.parameters(), lr=0.05, momentum=0.9)
scaler = torch.amp.GradScaler(device)

for step, (images, labels) in enumerate(loader):
    with torch.autocast(device, dtype=torch.float16):
        losses = method(images.to(device), labels.to(device), rng_for(seed=0, step=step))
    scaler.scale(losses.total).backward()
    scaler.step(optimiser)
    scaler.update()
    optimiser.zero_grad()
    method.after_step(progress=(step + 1) / len(loader))
    print(f"loss {losses.total.item():.3f}, scale {scaler.get_scale():g}")
