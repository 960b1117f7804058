"""Cells that the library has not, against their papers' equations written out in NumPy, one sequence at a time."""

import numpy as np
import pytest
import torch
from conftest import Compose

from rnnsweep import kernels, run
from rnnsweep.cells.base import AbstractCell
from rnnsweep.cells.gru_reset_before import GRUResetBefore
from rnnsweep.cells.indrnn import IndRNN
from rnnsweep.cells.mut import MUT1, MUT2, MUT3

Weights = dict[str, np.ndarray]
HIDDEN = 4


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def normalised(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / np.sqrt(((x - x.mean()) ** 2).mean() + 1e-5)


def gru_reset_before(w: Weights, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    (w_r, w_z, w_n), (u_r, u_z, u_n) = np.split(w["weight_ih"], 3), np.split(w["weight_hh"], 3)
    b_r, b_z, b_n = np.split(w["bias_ih"] + w["bias_hh"], 3)
    r, z = sigmoid(w_r @ x + u_r @ h + b_r), sigmoid(w_z @ x + u_z @ h + b_z)
    return (1 - z) * np.tanh(w_n @ x + u_n @ (r * h) + b_n) + z * h, c


def inputs(w: Weights, x: np.ndarray, absent: int) -> list[np.ndarray]:
    """W x of r, z, n, and x itself where the gate has no matrix."""
    shares = [block @ x for block in np.split(w["weight_ih"], len(w["weight_ih"]) // HIDDEN)]
    return shares if len(shares) == 3 else [*shares[:absent], x, *shares[absent:]]


def mut1(w: Weights, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    (x_r, x_z, x_n), (u_r, u_n), (b_r, b_z, b_n) = (
        inputs(w, x, 2),
        np.split(w["weight_hh"], 2),
        np.split(w["bias_hh"], 3),
    )
    z, r = sigmoid(x_z + b_z), sigmoid(x_r + u_r @ h + b_r)
    return np.tanh(u_n @ (r * h) + np.tanh(x_n) + b_n) * z + h * (1 - z), c


def mut2(w: Weights, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    (x_r, x_z, x_n), (u_r, u_z, u_n), b = inputs(w, x, 0), np.split(w["weight_hh"], 3), np.split(w["bias_hh"], 3)
    z, r = sigmoid(x_z + u_z @ h + b[1]), sigmoid(x_r + u_r @ h + b[0])
    return np.tanh(u_n @ (r * h) + x_n + b[2]) * z + h * (1 - z), c


def mut3(w: Weights, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    (x_r, x_z, x_n), (u_r, u_z, u_n), b = inputs(w, x, 3), np.split(w["weight_hh"], 3), np.split(w["bias_hh"], 3)
    z, r = sigmoid(x_z + u_z @ np.tanh(h) + b[1]), sigmoid(x_r + u_r @ h + b[0])
    return np.tanh(u_n @ (r * h) + x_n + b[2]) * z + h * (1 - z), c


def indrnn(w: Weights, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.maximum(w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] * h, 0), c


def rnn_identity(w: Weights, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.maximum(w["weight_ih"] @ x + w["weight_hh"] @ h + w["bias_ih"] + w["bias_hh"], 0), c


def lstm_layernorm(w: Weights, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    before = w["gain_hh"] * normalised(w["weight_hh"] @ h) + w["bias_hh"]
    before = before + w["gain_ih"] * normalised(w["weight_ih"] @ x) + w["bias_ih"]
    i, f, g, o = np.split(before, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(w["gain_c"] * normalised(c) + w["bias_c"]), c


STEPS = [gru_reset_before, mut1, mut2, mut3, indrnn, rnn_identity, lstm_layernorm]


def made(composed: Compose, name: str, width: int) -> AbstractCell:
    """The YAML's cell, with numbers in place of the gains, zeros and identities that weights start from."""
    config, classes = run.validated(composed(f"cell={name}", f"cell.hidden_size={HIDDEN}"))
    cell: AbstractCell = classes["cell"](width, **run.settings(config, "cell")).double()
    torch.manual_seed(1)
    for parameter in cell.parameters():
        parameter.data.add_(torch.randn_like(parameter), alpha=0.5)
    return cell


@pytest.mark.parametrize("how", [pytest.param("fused", marks=pytest.mark.slow), "scan"])
@pytest.mark.parametrize("width", [3, HIDDEN])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_a_cell_is_its_paper_s(step, width, how, composed: Compose) -> None:  # type: ignore[no-untyped-def]
    cell = made(composed, step.__name__, width)
    x = torch.randn(2, 7, width, dtype=torch.float64)
    weights = {key: weight.detach().numpy() for key, weight in cell.layers[0].named_parameters()}
    with kernels.executing(how):
        got = cell(x, ())[0].detach().numpy()
    for sequence, outputs in zip(x.numpy(), got, strict=True):
        h = c = np.zeros(HIDDEN)
        for at, wanted in zip(sequence, outputs, strict=True):
            h, c = step(weights, at, h, c)
            np.testing.assert_allclose(h, wanted, rtol=1e-9, atol=1e-12)


def test_mut2_with_a_matrix_for_every_gate_is_a_gru() -> None:
    """As its docstring says: with 1 - z for z, that is with z's weights negated."""
    torch.manual_seed(0)
    gru, mut = GRUResetBefore(3, hidden_size=5).double(), MUT2(3, hidden_size=5).double()
    (theirs,), (ours,) = gru.layers, mut.layers
    sign = torch.ones(15, dtype=torch.float64).index_fill_(0, torch.arange(5, 10), -1.0)
    ours.weight_ih.data.copy_(theirs.weight_ih * sign[:, None])
    ours.weight_hh.data.copy_(theirs.weight_hh * sign[:, None])
    ours.bias_hh.data.copy_((theirs.bias_ih + theirs.bias_hh) * sign)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    torch.testing.assert_close(mut(x, ())[0], gru(x, ())[0])


@pytest.mark.parametrize(("cls", "narrow", "square"), [
    (MUT1, 5 * (3 * 3 + 2 * 5 + 3), 5 * (2 * 5 + 2 * 5 + 3)),
    (MUT2, 3 * 5 * (3 + 5 + 1), 5 * (2 * 5 + 3 * 5 + 3)),
    (MUT3, 3 * 5 * (3 + 5 + 1), 3 * 5 * (5 + 5 + 1)),
])  # fmt: skip
def test_a_mutation_has_the_parameters_of_its_docstring(cls, narrow, square) -> None:  # type: ignore[no-untyped-def]
    for width, wanted in ((3, narrow), (5, square)):
        assert sum(p.numel() for p in cls(width, hidden_size=5).parameters()) == wanted


def test_indrnn_starts_where_gradients_come_back() -> None:
    """Through `horizon` steps the last layer's gradient is at most doubled or halved, another's at most doubled."""
    torch.manual_seed(0)
    first, last = (layer.weight_hh**32 for layer in IndRNN(3, hidden_size=500, num_layers=2, horizon=32).layers)
    assert (first.min().item(), first.max().item()) == pytest.approx((0, 2), abs=0.1)
    assert (last.min().item(), last.max().item()) == pytest.approx((0.5, 2), abs=0.05)
    assert all(bool((layer.weight_hh == 1).all()) for layer in IndRNN(3, recurrent_init="identity").layers)


def test_irnn_keeps_its_state_where_there_is_no_input(composed: Compose) -> None:
    config, classes = run.validated(composed("cell=rnn_identity", "cell.hidden_size=6"))
    cell = classes["cell"](3, **run.settings(config, "cell"))
    state = (torch.rand(2, 6),)
    y, _ = cell(torch.zeros(2, 5, 3), state)
    assert torch.equal(y, state[0][:, None].expand(-1, 5, -1))
    scaled = classes["cell"](3, **run.settings(config, "cell") | {"recurrent_scale": 0.5})
    torch.testing.assert_close(scaled(torch.zeros(2, 2, 3), state)[0][:, 1], state[0] / 4)
