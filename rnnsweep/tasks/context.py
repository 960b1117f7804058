"""How far back context helps a language model: its loss after more or fewer characters, all else equal."""

import itertools
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn import functional as F

WINDOWS = 32  # windows of the validation part
FINAL = 16  # every length of context predicts the same characters, the last ones of each window
SCORES = 2**24  # at a time: a matter of memory
LENGTHS = (8, 16, 32, 64, 128, 256)


@torch.no_grad()
def reach(model: nn.Module, tokens: Int[Tensor, "section time"]) -> dict[str, Any]:
    """Two views of one question, in nats a character; empty where the text is too short for any.

    `by_context`: the loss on the same final characters after each number of characters read from the initial state.
    `by_position`: the loss at each position after the initial state, averaged between powers of two.
    """
    lengths = [length for length in LENGTHS if length + FINAL < tokens.shape[1]]
    if not lengths:
        return {}
    longest = lengths[-1] + FINAL
    windows = tokens.unfold(1, longest + 1, 1).flatten(0, 1)  # (start, window + 1)
    places = torch.linspace(0, len(windows) - 1, min(WINDOWS, len(windows))).long()
    chosen = windows[places].long().to(next(model.parameters()).device)
    by_context = {length: _losses(model, chosen[:, -(length + FINAL + 1) :])[:, -FINAL:].mean() for length in lengths}
    by_position = _losses(model, chosen).mean(0)  # (window,)
    edges = [0, *(2**power for power in range(longest.bit_length()) if 2**power < longest), longest]
    spans = list(itertools.pairwise(edges))
    return {
        "windows": len(chosen),
        "final": FINAL,
        "by_context": [{"length": length, "loss": loss.item()} for length, loss in by_context.items()],
        "by_position": [{"from": a + 1, "to": b, "loss": by_position[a:b].mean().item()} for a, b in spans],
    }


def _losses(model: nn.Module, windows: Int[Tensor, "batch window"]) -> Tensor:
    """The loss of each prediction, read from the initial state: (batch, window - 1)."""
    classes = model(windows[:1, :1], ())[0].shape[-1]
    size, losses = max(1, SCORES // (windows.shape[1] * classes)), []
    for start in range(0, len(windows), size):
        piece = windows[start : start + size]
        scores, _ = model(piece[:, :-1], ())
        losses.append(F.cross_entropy(scores.transpose(1, 2), piece[:, 1:], reduction="none"))
    return torch.cat(losses)
