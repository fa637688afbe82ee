"""Lightning, optimising as it does by itself: the method is a submodule, its forward the step."""

import lightning
import timm
import torch
from torch.utils.data import DataLoader, TensorDataset

from adautomix import AdAutoMix, rng_for


class Mixed(lightning.LightningModule):
    def __init__(self, method):
        super().__init__()
        self.method = method

    def training_step(self, batch, index):
        losses = self.method(*batch, rng_for(0, self.global_step, self.global_rank))
        self.log_dict(losses.terms)
        return losses.total

    def on_train_batch_end(self, *_):
        self.method.after_step(self.global_step / self.trainer.estimated_stepping_batches)

    def configure_optimizers(self):
        return torch.optim.SGD(self.method.parameters(), lr=0.05, momentum=0.9)


data = TensorDataset(torch.randn(32, 3, 32, 32), torch.arange(32) % 10)  # yours, normalised
method = AdAutoMix().build(timm.create_model("resnet18", num_classes=10), side=32)
options = {"logger": False, "enable_checkpointing": False, "accelerator": "auto", "devices": 1}
trainer = lightning.Trainer(max_epochs=1, enable_progress_bar=False, **options)
trainer.fit(Mixed(method), DataLoader(data, 16, shuffle=True, drop_last=True))
print({name: f"{float(value):.3f}" for name, value in trainer.callback_metrics.items()})
