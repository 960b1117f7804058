"""A recurrent network trained as one writes it by hand in torch: what every peer of bench_peers.py runs."""

import json
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
SIZES = {"parity": (32, 32), "charlm": (64, 256)}  # features of the embedding, hidden size
BATCH = 32
EVALUATED = {"parity": 1000, "charlm": 32}  # sequences at once


def data(task: str, seed: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], int]:
    """Inputs and targets for training and for validation, each (sequence, time), and the number of symbols."""
    return parity(seed) if task == "parity" else text()


def parity(seed: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], int]:
    bits = torch.randint(0, 2, (12_000, 20), generator=torch.Generator().manual_seed(seed))
    odd = bits.cumsum(1) % 2
    return (bits[:10_000], odd[:10_000]), (bits[10_000:], odd[10_000:]), 2


def text() -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor], int]:
    """The reference text that comes with Python, in windows of 128 characters: any in training, each once after it."""
    from pydoc_data.topics import topics

    whole = "".join(topics[name] for name in sorted(topics))
    symbols = {symbol: number for number, symbol in enumerate(sorted(set(whole)))}
    tokens = torch.tensor([symbols[symbol] for symbol in whole])
    cut = round(0.9 * len(tokens))
    windows, held = tokens[:cut].unfold(0, 129, 1), tokens[cut:].unfold(0, 129, 128)
    return (windows[:, :-1], windows[:, 1:]), (held[:, :-1], held[:, 1:]), len(symbols)


class Model(nn.Module):
    def __init__(self, cell: str, symbols: int, embedding: int, hidden: int):
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding)
        self.cell = CELLS[cell](embedding, hidden, batch_first=True)
        self.head = nn.Linear(hidden, symbols)

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        outputs, _ = self.cell(self.embedding(inputs))
        return F.cross_entropy(self.head(outputs).flatten(0, 1), targets.flatten())


def train(task: str, cell: str, lr: float, clip: float | None, seed: int, steps: int) -> dict[str, float | str]:
    """The validation loss after the last step, and milliseconds of a step."""
    torch.manual_seed(seed)
    (inputs, targets), (held, wanted), symbols = data(task, seed)
    model = Model(cell, symbols, *SIZES[task])
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    start = 0.0
    for step in range(steps):
        chosen = torch.randint(len(inputs), (BATCH,))
        loss = model.loss(inputs[chosen], targets[chosen])
        optimizer.zero_grad()
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        if step == 0:
            start = time.perf_counter()
    ms = 1e3 * (time.perf_counter() - start) / (steps - 1)
    parts = list(zip(held.split(EVALUATED[task]), wanted.split(EVALUATED[task]), strict=True))
    with torch.no_grad():
        total = sum(len(part[0]) * model.loss(*part).item() for part in parts)
    return {"cell": cell, "loss": total / len(held), "ms": ms}


def keep(folder: Path, result: dict[str, float | str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(json.dumps(result) + "\n")
