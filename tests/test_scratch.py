"""The cells that are written out to be read: against torch's own, against finite differences, and without torch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from rnnsweep import numpy_lstm, rng
from rnnsweep.cells.gru import GRU
from rnnsweep.cells.gru_scratch import GRUScratch
from rnnsweep.cells.lstm import LSTM
from rnnsweep.cells.lstm_numpy import LSTMNumpy
from rnnsweep.cells.lstm_scratch import LSTMScratch

PAIRS = [(LSTMScratch, LSTM, nn.LSTM), (LSTMNumpy, LSTM, nn.LSTM), (GRUScratch, GRU, nn.GRU)]


@pytest.mark.parametrize(("ours", "_", "theirs"), PAIRS)
def test_against_torch(ours, _, theirs) -> None:  # type: ignore[no-untyped-def]
    """Outputs, last states and the gradients of everything, with torch's weights, in torch's usual precision."""
    torch.manual_seed(0)
    reference = theirs(7, 11, 2, batch_first=True)
    cell = ours(7, hidden_size=11, num_layers=2)
    pairs = {
        f"{name}_l{index}": weight
        for index, layer in enumerate(cell.layers)
        for name, weight in layer.named_parameters()
    }
    for name, weight in pairs.items():
        weight.data.copy_(getattr(reference, name))
    x = torch.randn(5, 30, 7, requires_grad=True)
    before = tuple(torch.randn(5, 11, requires_grad=True) for _ in range(2 * cell.leaves))
    kinds = [torch.stack(before[kind :: cell.leaves]) for kind in range(cell.leaves)]  # each (layer, batch, hidden)
    wanted, state = reference(x, kinds[0] if cell.leaves == 1 else tuple(kinds))
    got, after = cell(x, before)
    last = [state] if cell.leaves == 1 else list(state)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=0)
    torch.testing.assert_close(after, tuple(kind[k] for k in range(2) for kind in last), atol=1e-5, rtol=0)
    weighted = [
        (y.sin().sum() + sum((n * leaf.square()).sum() for n, leaf in enumerate(leaves, 1)))
        for y, leaves in ((got, after), (wanted, [kind[k] for k in range(2) for kind in last]))
    ]
    ones = torch.autograd.grad(weighted[0], [x, *before, *pairs.values()])
    others = torch.autograd.grad(weighted[1], [x, *before, *(getattr(reference, name) for name in pairs)])
    torch.testing.assert_close(ones, others, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("ours", "fast", "_"), PAIRS)
def test_they_start_as_the_fast_cells_do(ours, fast, _) -> None:  # type: ignore[no-untyped-def]
    states = []
    for cls in (ours, fast):
        with rng.seeded(3, "init"):
            states.append(cls(3, hidden_size=4, num_layers=2).state_dict())
    torch.testing.assert_close(*states, rtol=0, atol=0)


def test_the_numpy_lstm_against_finite_differences() -> None:
    """Each weight of the model, and each argument of the layer with gradients at all steps and at the end."""
    numbers = np.random.default_rng(0)
    weights = numpy_lstm.initial(3, numbers)
    x, targets = numbers.standard_normal((4, 6, 1)), numbers.standard_normal(4)
    _, gradients = numpy_lstm.loss_and_gradients(weights, x, targets)
    for name, weight in weights.items():
        slope = differences(lambda: numpy_lstm.loss_and_gradients(weights, x, targets)[0], weight)
        np.testing.assert_allclose(gradients[name], slope, rtol=1e-6, atol=1e-9)
    shapes = ((12, 2), (12, 3), (12,), (4, 6, 2), (4, 3), (4, 3))
    arguments = [numbers.standard_normal(shape) for shape in shapes]  # W, U, b, x, h, c
    dy, dh, dc = (numbers.standard_normal(shape) for shape in ((4, 6, 3), (4, 3), (4, 3)))

    def total() -> float:
        y, h, c, _ = numpy_lstm.forward(*arguments)
        return float((y * dy).sum() + (h * dh).sum() + (c * dc).sum())

    past = numpy_lstm.forward(*arguments)[3]
    slopes = numpy_lstm.backward(arguments[0], arguments[1], arguments[3], past, dy, dh, dc)
    for argument, slope in zip(arguments, slopes, strict=True):
        np.testing.assert_allclose(slope, differences(total, argument), rtol=1e-6, atol=1e-8)


def differences(function, at: np.ndarray, step: float = 1e-5) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The gradient of function() with respect to the array `at`, by central differences."""
    slope = np.empty_like(at)
    for place in np.ndindex(at.shape):
        middle, values = at[place], []
        for side in (step, -step):
            at[place] = middle + side
            values.append(function())
        at[place] = middle
        slope[place] = (values[0] - values[1]) / (2 * step)
    return slope


def test_the_numpy_adam_is_torch_s() -> None:
    weights, gradients = {"w": np.array([1.0, -2.0])}, [np.array([0.3, -0.1]), np.array([-0.2, 5.0])]
    parameter = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    ours, theirs = numpy_lstm.Adam(weights, lr=0.1), torch.optim.Adam([parameter], lr=0.1)
    for gradient in gradients:
        ours.update(weights, {"w": gradient})
        parameter.grad = torch.from_numpy(gradient)
        theirs.step()
    np.testing.assert_allclose(weights["w"], parameter.detach().numpy(), rtol=1e-12)


def test_the_numpy_lstm_learns_the_noisy_sine_and_knows_no_torch(tmp_path: Path) -> None:
    """In two epochs half way from the last value, the best forecast without learning, to the noise's own variance."""
    code = "import sys; from rnnsweep import numpy_lstm; numpy_lstm.main(); assert 'torch' not in sys.modules"
    command = [sys.executable, "-c", code, "--hidden", "12", "--epochs", "2", "--lr", "0.01"]
    subprocess.run([*command, "--output", str(tmp_path / "result.json")], check=True, capture_output=True)
    result = json.loads((tmp_path / "result.json").read_text())
    assert len(result["epochs"]) == 2
    assert result["noise"] < result["test_loss"] < (result["noise"] + result["test_loss_of_the_last_value"]) / 2
