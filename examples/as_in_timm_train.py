"""The parts of timm's train.py: its optimiser, schedule, clipping and meter around a method."""

import timm
import torch
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.utils import AverageMeter, dispatch_clip_grad

from adautomix import AdAutoMix, rng_for

loader = [(torch.randn(16, 3, 32, 32), torch.randint(0, 10, (16,))) for _ in range(2)]  # yours
method = AdAutoMix().build(timm.create_model("resnet18", num_classes=10), side=32)
optimizer = create_optimizer_v2(method, opt="sgd", lr=0.05, momentum=0.9, weight_decay=1e-4)
scheduler, epochs = create_scheduler_v2(optimizer, sched="cosine", num_epochs=2)

for epoch in range(epochs):
    meter = AverageMeter()
    for index, (images, labels) in enumerate(loader):
        step = epoch * len(loader) + index
        losses = method(images, labels, rng_for(seed=0, step=step))
        losses.total.backward()
        dispatch_clip_grad(method.classifier.parameters(), value=5.0)
        optimizer.step()
        optimizer.zero_grad()
        method.after_step(progress=(step + 1) / (epochs * len(loader)))
        meter.update(losses.total.item(), len(images))
    scheduler.step(epoch + 1)
    print(f"epoch {epoch}: loss {meter.avg:.3f}")
