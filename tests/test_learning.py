"""Every cell learns: a law that a cell with a wrong gradient, or with one that does not reach its weights, breaks."""

import math

import pytest
import torch
from conftest import Compose, cells
from torch import nn
from torch.nn import functional as F

from rnnsweep import run


def loss_after(cell: nn.Module, steps: int) -> tuple[float, float]:
    """The cross-entropy of telling the sign of each input, at the first step and after so many steps of Adam."""
    head = nn.Linear(cell(torch.randn(1, 5, 4), ())[0].shape[2], 2)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()], lr=0.02)
    losses = []
    for _ in range(steps):
        x = torch.randn(16, 5, 4)
        loss = F.cross_entropy(head(cell(x, ())[0]).flatten(0, 1), (x[..., 0] > 0).long().flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], sum(losses[-10:]) / 10


@pytest.mark.parametrize("name", cells(everyday=2))
def test_a_cell_learns_and_all_its_weights_move(name: str, composed: Compose) -> None:
    config, classes = run.validated(composed(f"cell={name}", "cell.hidden_size=8"))
    torch.manual_seed(0)
    cell = classes["cell"](4, **run.settings(config, "cell"))
    before = {key: weight.detach().clone() for key, weight in cell.named_parameters()}
    first, last = loss_after(cell, 60)
    assert 0.3 < first < 2
    assert last < 0.85 * math.log(2)  # chance is ln 2
    assert [key for key, weight in cell.named_parameters() if torch.equal(weight, before[key])] == []
