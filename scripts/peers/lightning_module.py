"""The same model as a LightningModule, with its Trainer's defaults."""

import time
from typing import Any

import lightning
import torch
from plain import BATCH, EVALUATED, SIZES, Model, data
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset


class Module(lightning.LightningModule):
    def __init__(self, model: Model, lr: float):
        super().__init__()
        self.model, self.lr = model, lr

    def training_step(self, batch: list[Tensor]) -> Tensor:
        return self.model.loss(*batch)

    def validation_step(self, batch: list[Tensor]) -> None:
        self.log("loss", self.model.loss(*batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


class Clock(lightning.Callback):
    """Notes when each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        self.ends.append(time.perf_counter())


def train(task: str, cell: str, lr: float, clip: float | None, seed: int, steps: int) -> dict[str, float | str]:
    """The validation loss after the last step, and milliseconds of a step."""
    torch.manual_seed(seed)
    fit, held, symbols = data(task, seed)
    module, clock = Module(Model(cell, symbols, *SIZES[task]), lr), Clock()
    trainer = lightning.Trainer(
        max_steps=steps,
        gradient_clip_val=clip,
        val_check_interval=steps,
        check_val_every_n_epoch=None,  # once, after the last step, as the others do
        callbacks=[clock],
    )
    training = DataLoader(TensorDataset(*fit), batch_size=BATCH, shuffle=True)
    trainer.fit(module, training, DataLoader(TensorDataset(*held), batch_size=EVALUATED[task]))
    ms = 1e3 * (clock.ends[-1] - clock.ends[0]) / (steps - 1)
    return {"cell": cell, "loss": trainer.callback_metrics["loss"].item(), "ms": ms}
