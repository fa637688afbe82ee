"""A network, a loader of mappings and soft labels of one's own: trained, saved, loaded."""

import torch
from torch import nn
from torch.utils.data import DataLoader

from adautomix import AdAutoMix, Backbone, How, fit

pixels = torch.randint(0, 256, (32, 3, 32, 32), dtype=torch.uint8)  # yours
shares = torch.rand(32, 4).softmax(dim=1)  # soft labels; class numbers will do
data = [{"pixels": x, "label": y} for x, y in zip(pixels, shares, strict=True)]
loader = DataLoader(data, batch_size=16, shuffle=True, drop_last=True)
network = nn.Sequential()
network.add_module("body", nn.Sequential(nn.Conv2d(3, 16, 3, stride=4), nn.BatchNorm2d(16)))
network.add_module("head", nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(16 * 8 * 8, 4)))

backbone = Backbone(network, tap="body")  # the module whose maps the generator sees
how = How(keys=("pixels", "label"), mean_std=((0.5,) * 3, (0.25,) * 3))
fitted = fit(backbone, loader, loader, method=AdAutoMix(n=2), epochs=1, how=how)
torch.save(network.state_dict(), "own.pt")  # it was trained in place
network.load_state_dict(torch.load("own.pt"))
logits = network.eval()((pixels / 255 - 0.5) / 0.25)
print("the same logits:", torch.allclose(logits, fitted.predict(pixels), atol=1e-5))
