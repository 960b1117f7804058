"""The views of a trained cell, where they can be known beforehand."""

import math

import pytest
import torch
from conftest import Compose
from torch import nn

from rnnsweep import diagnostics, run
from rnnsweep.cells.base import AbstractCell, LayeredCell
from rnnsweep.cells.gru import GRU
from rnnsweep.cells.mingru import MinGRU
from rnnsweep.cells.mlstm import MLSTM
from rnnsweep.cells.qrnn import QRNN
from rnnsweep.cells.rglru import RGLRU
from rnnsweep.diagnostics import gradients, shorter
from rnnsweep.diagnostics.gates import saturation
from rnnsweep.tasks.base import AbstractTask

Prepared = tuple[AbstractTask, nn.Module, AbstractCell]


def prepared(composed: Compose, *overrides: str) -> Prepared:
    torch.manual_seed(0)
    made = run.identify(composed(*overrides, "cell.hidden_size=6"))
    model = run.make_model(made.config, made.classes, made.task).double().eval()
    return made.task, model, next(m for m in model.modules() if isinstance(m, AbstractCell))


@pytest.fixture
def parity(composed: Compose) -> Prepared:
    return prepared(composed, "task=parity", "task.examples=64", "cell=rnn", "cell.nonlinearity=relu")


def test_the_gradient_of_a_linear_recurrence_falls_as_its_powers(parity: Prepared) -> None:
    """h' = W x + b + h / 2 with all that is positive: the gradient at lag k is 2^-k of that at lag 0."""
    task, model, cell = parity
    (layer,) = cell.layers
    with torch.no_grad():
        for weight in (layer.weight_ih, model.embedding.weight):
            weight.abs_()
        layer.weight_hh.copy_(torch.eye(6) / 2)
        layer.bias_ih.fill_(1.0)
        layer.bias_hh.zero_()
    shares = diagnostics.diagnose(task, model)["gradient_by_lag"]
    assert len(shares) == 20
    assert shares == pytest.approx([0.5**lag for lag in range(20)], rel=1e-9)


def test_the_gradient_stops_where_the_window_does(composed: Compose) -> None:
    shares = diagnostics.diagnose(*prepared(composed, "task=parity", "cell=mlp_window", "cell.window=5")[:2])
    assert all(share > 0 for share in shares["gradient_by_lag"][:5])
    assert not any(shares["gradient_by_lag"][5:])


def test_the_gradient_of_padded_sequences_starts_at_their_own_ends(composed: Compose) -> None:
    task, model, cell = prepared(
        composed, "task=names_class", "task.examples=600", "cell=mlp_window", "cell.window=2", "pooling=last"
    )
    batch = next(task.evaluation("val"))
    norms, there = gradients._norms_by_lag(task, model, cell, batch)
    assert torch.equal(there.sum(1), batch["lengths"])
    assert (norms[:, :2] > 0).double().mean() > 0.9  # a unit may be off
    assert not norms[:, 2:].any()
    longest = {name: values[batch["lengths"] < 5] for name, values in batch.items()}  # wider than long
    shares = gradients.gradient_by_lag(task, model, cell, [longest])
    assert len(shares) == longest["lengths"].max()
    assert all(map(math.isfinite, shares))


def test_the_loss_by_context_is_a_window_s_from_its_length_on(composed: Compose) -> None:
    task, model, _ = prepared(composed, "task=parity", "cell=mlp_window", "cell.window=4")
    rows = {row["length"]: row["loss"] for row in diagnostics.diagnose(task, model)["loss_by_context"]}
    assert list(rows) == [1, 2, 4, 8, 16, 20]
    batch, few = next(task.evaluation("val")), shorter.STEPS // (20 * 31 + 1)
    total, count = task.loss(model, {name: values[:few] for name, values in batch.items()}, ())[1]["loss"]
    assert [rows[length] for length in (4, 8, 16, 20)] == pytest.approx([(total / count).item()] * 4)
    assert not math.isclose(rows[1], rows[4], rel_tol=1e-4)


def test_a_text_is_read_as_short_sequences(composed: Compose) -> None:
    views = diagnostics.diagnose(*prepared(composed, "task=charlm", "cell=gru")[:2])
    assert len(views["gradient_by_lag"]) == diagnostics.SPAN
    assert views["loss_by_context"][-1]["length"] == diagnostics.SPAN


def test_gates_that_are_open_or_shut(composed: Compose) -> None:
    task, model, cell = prepared(composed, "task=names_class", "task.examples=600", "cell=gru", "cell.num_layers=2")
    with torch.no_grad():
        for layer, bias in zip(cell.layers, (50.0, -50.0), strict=True):
            layer.bias_ih[:6] = bias  # r; z stays in between
            layer.weight_ih[6:12], layer.weight_hh[6:12], layer.bias_ih[6:12], layer.bias_hh[6:12] = 0, 0, 0, 0
    rows = diagnostics.diagnose(task, model)["saturation"]
    shares = {(row["layer"], row["gate"]): (row["low"], row["high"]) for row in rows}
    assert shares == {(1, "r"): (0, 1), (1, "z"): (0, 0), (2, "r"): (1, 0), (2, "z"): (0, 0)}


def test_the_spectral_radius_is_numpy_s_and_that_of_a_scaled_rotation(parity: Prepared) -> None:
    _, _, cell = parity
    (layer,) = cell.layers
    nn.init.orthogonal_(layer.weight_hh)
    layer.weight_hh.data *= 1.25
    assert diagnostics.spectral_radius(cell) == [{"layer": 1, "gate": "h", "radius": pytest.approx(1.25)}]


def test_an_encoder_that_reads_piece_by_piece_has_no_such_views(composed: Compose) -> None:
    copying = ("task=copy", "task.examples=50", "task.held_out=10")
    assert set(diagnostics.diagnose(*prepared(composed, *copying, "cell=lstm")[:2])) == {"spectral_radius"}
    assert set(diagnostics.diagnose(*prepared(composed, *copying)[:2])) == {"spectral_radius", "saturation"}


def test_heads_have_matrices_of_their_own(composed: Compose) -> None:
    _, _, cell = prepared(composed, "task=parity", "cell=slstm", "cell.heads=2")
    (layer,) = cell.layers
    blocks = layer.weight_hh.detach().view(2, 4, 3, 3)
    wanted = [torch.linalg.eigvals(blocks[:, gate]).abs().max().item() for gate in range(4)]
    assert [row["radius"] for row in diagnostics.spectral_radius(cell)] == pytest.approx(wanted)
    assert [row["gate"] for row in diagnostics.spectral_radius(cell)] == ["i", "f", "z", "o"]


@pytest.mark.parametrize("cell", [GRU, MinGRU, QRNN, RGLRU, MLSTM])
def test_what_a_cell_does_at_padded_steps_is_no_saturation(cell: type[LayeredCell]) -> None:
    torch.manual_seed(0)
    made, x = cell(3, hidden_size=4, num_layers=2).eval(), torch.randn(2, 10, 3)  # type: ignore[call-arg]
    x[:, 4:] = 50.0
    short = x[:, :4]
    found = saturation(made, x, made.initial_state(x), {"inputs": x, "lengths": torch.tensor([4, 4])})
    assert found == saturation(made, short, made.initial_state(short), {"inputs": short})
