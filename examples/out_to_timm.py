"""A trained timm model and its teacher in timm's own format, and back; no run is recorded."""

import timm
import torch
from timm.models import save_for_hf
from torch.utils.data import DataLoader, TensorDataset

from adautomix import AdAutoMix, fit

data = TensorDataset(torch.randn(32, 3, 32, 32), torch.arange(32) % 10)  # yours, normalised
loader = DataLoader(data, batch_size=16, shuffle=True, drop_last=True)
fitted = fit(timm.create_model("resnet18", num_classes=10), loader, method=AdAutoMix(), epochs=1)

networks = {"classifier": fitted.method.classifier, "teacher": fitted.method.teacher.network}
for name, network in networks.items():
    save_for_hf(network.model, f"my-{name}")
    again = timm.create_model(f"local-dir:my-{name}", pretrained=True).eval()
    logits, expected = again(data.tensors[0]), fitted.predict(data.tensors[0], name)
    print(f"{name}, the same logits:", torch.allclose(logits, expected, atol=1e-4))
