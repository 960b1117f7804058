"""What stands between the layers of a cell, and zoneout: against the same written out by hand."""

import pytest
import torch
from conftest import Compose
from torch import nn

from rnnsweep import kernels, rng, run
from rnnsweep.cells.base import LayeredCell, RecurrentCell
from rnnsweep.cells.gru import GRU
from rnnsweep.cells.lstm import LSTM
from rnnsweep.dropout import Dropout
from rnnsweep.stack import Stack


def x(time: int = 6) -> torch.Tensor:
    return torch.randn(2, time, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def made(cls: type[RecurrentCell] = GRU, layers: int = 3, **options: object) -> LayeredCell:
    torch.manual_seed(0)
    return cls(3, hidden_size=5, num_layers=layers, **options).double()


def alone(cell: LayeredCell, index: int, read: torch.Tensor) -> torch.Tensor:
    """One layer of a cell, by itself."""
    layer = cell.layers[index]
    return cell.run_layer(layer, read, cell.layer_state(layer, read))[0]


def test_residual_layers_add_what_they_read() -> None:
    cell = made(residual=True)
    first = alone(cell, 0, x())
    second = first + alone(cell, 1, first)
    torch.testing.assert_close(cell(x())[0], second + alone(cell, 2, second))


def test_layer_norm_normalises_what_a_layer_reads() -> None:
    cell = made(layers=2, layer_norm=True)
    nn.init.normal_(cell.norms[0].weight)
    nn.init.normal_(cell.norms[0].bias)
    first = alone(cell, 0, x())
    mean, variance = first.mean(2, keepdim=True), first.var(2, unbiased=False, keepdim=True)
    read = (first - mean) / (variance + 1e-5).sqrt() * cell.norms[0].weight + cell.norms[0].bias
    torch.testing.assert_close(cell(x())[0], alone(cell, 1, read))


def test_variational_dropout_drops_a_feature_at_all_steps_or_none() -> None:
    plain, variational = Dropout(0.5), Dropout(0.5, over_time=True)
    for dropout in (plain, variational):
        dropout.key.fill_(rng.key(0, "dropout", "x", 1))
    kept = variational(torch.ones(50, 7, 40)) != 0
    assert torch.equal(kept, kept[:, :1].expand_as(kept))
    assert kept[:, 0].float().mean().item() == pytest.approx(0.5, abs=0.05)
    assert len(kept[:, 0].unique(dim=0)) == 50, "each sequence has a mask of its own"
    kept = plain(torch.ones(50, 7, 40)) != 0
    assert not torch.equal(kept, kept[:, :1].expand_as(kept))
    cell = made(layers=2, dropout=0.5, variational=True).train()
    cell.between[0].key.fill_(7)
    read: list[torch.Tensor] = []
    cell.between[0].register_forward_hook(lambda module, given, result: read.append(result))
    cell(x())
    gone = read[0] == 0
    assert gone.any()
    assert torch.equal(gone, gone[:, :1].expand_as(gone))


@pytest.mark.parametrize("cls", [GRU, LSTM])
def test_zoneout_keeps_its_share_of_the_state(cls: type[RecurrentCell]) -> None:
    """Krueger et al. 2017: in training a feature is the step's or the old one, in evaluation the mean of both."""
    cell = made(cls, layers=1, zoneout=0.3).train()
    (layer,) = cell.layers
    layer.zoneout.key.fill_(rng.key(0, "dropout", "z", 4))
    outputs, state = cell(x(200), ())
    at = cell.initial_state(x())
    stayed = torch.zeros(())
    for t in range(200):
        new = made(cls, layers=1)(x(200)[:, t : t + 1], at)[1]
        after = cell_step(cell, t, new, at)
        torch.testing.assert_close(outputs[:, t], after[0])
        stayed = stayed + sum((a == o).float().mean() for a, o in zip(after, at, strict=True)) / len(at)
        at = after
    torch.testing.assert_close(state, at)
    assert stayed.item() / 200 == pytest.approx(0.3, abs=0.03)
    cell.eval()
    at = made(cls, layers=1)(x(3), ())[1]
    new = made(cls, layers=1)(x(1), at)[1]
    torch.testing.assert_close(
        cell(x(1), at)[1], tuple(0.3 * o + 0.7 * n for o, n in zip(at, new, strict=True)), rtol=1e-6, atol=1e-6
    )


def cell_step(
    cell: LayeredCell, t: int, new: tuple[torch.Tensor, ...], old: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, ...]:
    """The leaves where the mask of step t says so."""
    zoneout = cell.layers[0].zoneout
    zoneout.start(int(zoneout.key))  # the masks that the cell drew
    masks = zoneout.masks(200, old)
    return tuple(torch.where(masks[t, leaf], old[leaf], new[leaf]) for leaf in range(len(new)))


def test_zoneout_leaves_the_kernels_that_cannot_do_it() -> None:
    assert made(zoneout=0.1).runs_as("fused") == "scan" == made(zoneout=0.1).runs_as("library")
    assert made().runs_as("library") == "library"


OPTIONS = ("cell.residual=true", "cell.layer_norm=true", "cell.dropout=.4", "cell.variational=true", "cell.zoneout=.3")


@pytest.mark.parametrize("how", ["scan", "fused"])
def test_a_stack_of_all_options_equals_its_members_alone(how: kernels.Execution, composed: Compose) -> None:
    options = OPTIONS if how == "scan" else OPTIONS[:-1]
    overrides = ("task=parity", "task.examples=64", "cell.hidden_size=6", "cell.num_layers=2", *options)
    runs = [run.prepare(composed(*overrides, f"seed={seed}")) for seed in range(3)]
    stack, *single = [
        Stack([run.make_model(r.config, r.classes, r.task).double() for r in group], torch.device("cpu"), how)
        for group in (runs, *([r] for r in runs))
    ]
    batches = [r.task.batch(3) for r in runs]
    batch, keys = {k: torch.stack([b[k] for b in batches]) for k in batches[0]}, stack.keys([0, 1, 2], 3)
    losses, _, _ = stack.call(runs[0].task.loss, batch, (), keys)
    stack.backward(losses)
    for row, member in enumerate(single):
        batch, keys = {k: value[None] for k, value in batches[row].items()}, member.keys([row], 3)
        loss, _, _ = member.call(runs[row].task.loss, batch, (), keys)
        member.backward(loss)
        torch.testing.assert_close(losses[row : row + 1], loss)
        torch.testing.assert_close(stack.gradients[row], member.gradients[0])
