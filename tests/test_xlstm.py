"""sLSTM and mLSTM against the equations of Beck et al. (2024), evaluated step by step without their stabiliser."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from rnnsweep import kernels
from rnnsweep.cells import mlstm
from rnnsweep.cells.base import LayeredCell
from rnnsweep.cells.mlstm import MLSTM
from rnnsweep.cells.slstm import SLSTM
from rnnsweep.dropout import RandomMask
from rnnsweep.errors import ConfigError

HIDDEN = 4
GATES = ["sigmoid", "exponential"]


def inputs(time: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(2, time, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def made(cls: type, **options: object) -> LayeredCell:
    torch.manual_seed(0)
    cell = cls(3, hidden_size=HIDDEN, **options).double()
    for parameter in cell.parameters():
        nn.init.normal_(parameter, std=0.5)
    return cell


def log_forget(before: Tensor, gate: str) -> Tensor:
    return before if gate == "exponential" else -torch.logaddexp(torch.zeros_like(before), -before)


def slstm_reference(cell: SLSTM, x: Tensor) -> Tensor:
    """(batch, time, hidden): h = o Σ w z / Σ w over all steps so far, the weights' logarithms kept one by one."""
    (layer,) = cell.layers
    size, full = HIDDEN // cell.heads, torch.zeros(4, HIDDEN, HIDDEN, dtype=x.dtype)
    for head, rows in enumerate(layer.weight_hh.view(cell.heads, 4, size, size)):
        at = slice(head * size, (head + 1) * size)
        full[:, at, at] = rows
    h, outputs = x.new_zeros(len(x), HIDDEN), []
    logs, contents = x.new_zeros(0, len(x), HIDDEN), x.new_zeros(0, len(x), HIDDEN)
    for step in x.unbind(1):
        before = step @ layer.weight_ih.T + layer.bias_ih + h @ full.flatten(0, 1).T + layer.bias_hh
        i, f, z, o = before.split(HIDDEN, 1)
        logs = torch.cat([logs + log_forget(f, cell.forget_gate), i[None]])
        contents = torch.cat([contents, torch.tanh(z)[None]])
        h = torch.sigmoid(o) * (torch.softmax(logs, 0) * contents).sum(0)
        outputs.append(h)
    return torch.stack(outputs, 1)


def mlstm_reference(cell: MLSTM, x: Tensor) -> Tensor:
    """(batch, time, hidden): equations (19) to (27) head by head and step by step, as they stand."""
    (layer,) = cell.layers
    size, heads, outputs = cell.head_size, cell.heads, []
    for head in range(heads):
        q, k, v, o = (
            x @ layer.weight[rows].T + layer.bias[rows]
            for rows in (slice(n * HIDDEN + head * size, n * HIDDEN + (head + 1) * size) for n in range(4))
        )
        i, f = (x @ layer.weight[row] + layer.bias[row] for row in (4 * HIDDEN + head, 4 * HIDDEN + heads + head))
        i, f, k = torch.exp(i), torch.exp(log_forget(f, cell.forget_gate)), k / math.sqrt(size)
        memory, n, steps = x.new_zeros(len(x), size, size), x.new_zeros(len(x), size), []
        for t in range(x.shape[1]):
            memory = f[:, t, None, None] * memory + i[:, t, None, None] * v[:, t, :, None] * k[:, t, None, :]
            n = f[:, t, None] * n + i[:, t, None] * k[:, t]
            found = torch.einsum("bvk,bk->bv", memory, q[:, t])
            steps.append(found / (n * q[:, t]).sum(1, keepdim=True).abs().clamp(min=1))
        outputs.append(torch.sigmoid(o) * torch.stack(steps, 1))
    return torch.cat(outputs, 2)


CASES = [(SLSTM, slstm_reference), (MLSTM, mlstm_reference)]


def compare(cell, reference, x: Tensor) -> None:  # type: ignore[no-untyped-def]
    """Outputs, and the gradients of the inputs and of all weights."""
    x = x.requires_grad_()
    got, wanted = cell(x, ())[0], reference(cell, x)
    torch.testing.assert_close(got, wanted, atol=1e-9, rtol=1e-7)
    weights = [x, *cell.parameters()]
    slopes, others = (torch.autograd.grad(y.sin().sum(), weights) for y in (got, wanted))
    for slope, other in zip(slopes, others, strict=True):
        torch.testing.assert_close(slope, other, atol=1e-8 * other.abs().max().item(), rtol=1e-6)


@pytest.mark.parametrize(("cls", "reference"), CASES)
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("heads", [1, 2])
def test_the_paper_s_equations(cls, reference, gate, heads) -> None:  # type: ignore[no-untyped-def]
    compare(made(cls, heads=heads, forget_gate=gate), reference, inputs(3 * mlstm.CHUNK // 2))


@pytest.mark.parametrize(("cls", "reference"), CASES)
def test_long_sequences_with_large_gates(cls, reference) -> None:  # type: ignore[no-untyped-def]
    """A thousand steps, input gates from e^-300 to e^300; forget gates as small, and so near 1 that nothing is lost."""
    cell = made(cls, heads=2)
    (layer,) = cell.layers
    rows = slice(0, HIDDEN) if cls is SLSTM else slice(4 * HIDDEN, 4 * HIDDEN + 2)
    weight = layer.weight_ih if cls is SLSTM else layer.weight
    x = inputs(1000)
    with torch.no_grad():
        weight[rows] *= 300 / (x @ weight[rows].T).abs().max()
        weight[rows.stop : 2 * rows.stop - rows.start] *= 40
    compare(cell, reference, x)


@pytest.mark.parametrize("cls", [SLSTM, MLSTM])
@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("how", ["fused", "scan"])
def test_no_gate_overflows_in_single_precision(cls, gate, how) -> None:  # type: ignore[no-untyped-def]
    """Pre-activations of ten thousands over 1,500 steps: e^88 is the end of float32."""
    if how == "fused" and (cls is MLSTM or gate == "exponential"):
        pytest.skip("no such kernel")
    cell = made(cls, forget_gate=gate).float()
    x = inputs(1500, 2e4).float().requires_grad_()
    with kernels.executing(how):
        y, state = cell(x, ())
    y.square().mean().backward()
    for tensor in (y, *state, x.grad, *(p.grad for p in cell.parameters())):
        assert tensor.isfinite().all()
    assert y.abs().max() > 0.01


def test_the_compiled_kernel_in_single_precision() -> None:
    """Outputs, last states and gradients as the scan's, at moderate gates and at large ones."""
    for scale in (1.0, 20.0):
        cell, x, results = made(SLSTM).float(), inputs(60, scale).float(), []
        for how in ("fused", "scan"):
            cell.zero_grad()
            with kernels.executing(how):
                y, state = cell(x, ())
            (y.sin().sum() + sum(leaf.sin().sum() for leaf in state)).backward()
            results.append([y, *state, *(p.grad.clone() for p in cell.parameters() if p.grad is not None)])
        for got, wanted in zip(*results, strict=True):
            torch.testing.assert_close(got, wanted, atol=2e-5 * max(1.0, wanted.abs().max().item()), rtol=0)


def test_the_compiled_exponentials() -> None:
    """Over all of float32's range, to a unit or two in the argument's last place."""
    from numba import njit

    from rnnsweep.kernels import compiled_functions, functions, jit

    assert compiled_functions
    assert jit.OPTIONS["nogil"]

    @njit(**jit.OPTIONS)
    def both(x, powers, logs):  # type: ignore[no-untyped-def]
        for i in range(len(x)):
            powers[i], logs[i] = functions.exp(x[i]), functions.log_sigmoid(x[i])

    x = np.concatenate([np.linspace(-87, 88, 100_001), np.linspace(-1, 1, 10_001), [-3e38, -1e4, 200]]).astype(
        np.float32
    )
    powers, logs = np.empty_like(x), np.empty_like(x)
    both(x, powers, logs)
    exact = x.astype(np.float64)
    bounded = exact.clip(-87, 88)
    assert (abs(powers / np.exp(bounded) - 1) < 3e-7 + 1.2e-7 * abs(bounded)).all()
    near = abs(x) < 2
    np.testing.assert_allclose(powers[near], np.exp(exact[near]), rtol=3e-7)
    np.testing.assert_allclose(logs, -np.logaddexp(0, -exact), rtol=4e-7, atol=2e-38)
    both(np.float32([np.nan, -np.inf, 0]), powers[:3], logs[:3])
    assert np.isnan(powers[0])
    assert np.isnan(logs[0])
    assert 0 <= powers[1] < 2e-38
    assert powers[2] == 1


@pytest.mark.parametrize("cls", [SLSTM, MLSTM])
def test_what_was_never_written_weighs_nothing(cls: type) -> None:
    """A first input gate of e^-1000 decides alone in the sLSTM, and writes nothing in the mLSTM."""
    cell = made(cls)
    (layer,) = cell.layers
    with torch.no_grad():
        (layer.bias_ih[:HIDDEN] if cls is SLSTM else layer.bias[4 * HIDDEN : 4 * HIDDEN + 1]).fill_(-1000)
    x = inputs(1).requires_grad_()
    y, _ = cell(x, ())
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    if cls is MLSTM:
        assert torch.equal(y, torch.zeros_like(y))
    else:
        torch.testing.assert_close(y, slstm_reference(cell, x))


def test_zoneout_keeps_the_slstm_s_memory_as_one() -> None:
    """c, n and m stay together or not at all; in evaluation the memory c e^m, n e^m moves its expected way."""
    x, plain, cell = inputs(40), made(SLSTM), made(SLSTM, zoneout=0.3)
    cell.layers[0].zoneout.key.fill_(5)
    start = plain(x, ())[1]
    after = cell.eval()(x[:, :1], start)[1]
    free = plain(x[:, :1], start)[1]
    for leaf in (1, 2):
        wanted = 0.7 * free[leaf] * free[3].exp() + 0.3 * start[leaf] * start[3].exp()
        torch.testing.assert_close(after[leaf] * after[3].exp(), wanted, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(after[0], 0.7 * free[0] + 0.3 * start[0], rtol=1e-6, atol=1e-9)
    after = cell.train()(x[:, :1], start)[1]
    stays = [torch.eq(now, before) for now, before in zip(after, start, strict=True)]
    assert torch.equal(stays[1], stays[2])
    assert torch.equal(stays[1], stays[3])
    assert stays[1].any()
    assert not stays[1].all()


@pytest.mark.parametrize(("cls", "options"), [(SLSTM, {"zoneout": 0.3}), (MLSTM, {})])
def test_heads_in_a_stack(cls, options) -> None:  # type: ignore[no-untyped-def]
    cells = []
    for seed in range(3):
        torch.manual_seed(seed)
        cells.append(cls(3, hidden_size=HIDDEN, heads=2, num_layers=2, **options).double().train())
    together = vmap(lambda weights, buffers, x: functional_call(cells[0], (weights, buffers), (x, ())))
    x = torch.stack([inputs(40), inputs(40, 2.0), inputs(40, -1.0)])
    outputs, _ = together(*stack_module_state(cells), x)
    for row, cell in enumerate(cells):
        for module in cell.modules():
            if isinstance(module, RandomMask):
                module.start(0)  # the masks that the stack drew
        torch.testing.assert_close(outputs[row], cell(x[row], ())[0])


@pytest.mark.parametrize("cls", [SLSTM, MLSTM])
def test_heads_must_divide_the_state(cls: type) -> None:
    with pytest.raises(ConfigError, match=r"3 heads do not divide `cell.hidden_size` = 4"):
        cls(3, hidden_size=4, heads=3)


def test_the_parameters_that_the_docstrings_promise() -> None:
    slstm, matrix = made(SLSTM, heads=2), made(MLSTM, heads=2)
    assert sum(p.numel() for p in slstm.parameters()) == 4 * HIDDEN * (3 + HIDDEN // 2 + 2)
    assert sum(p.numel() for p in matrix.parameters()) == (4 * HIDDEN + 4) * (3 + 1)
