"""Cells that compute all steps at once: against their equations written out step by step, and over long sequences."""

import cmath
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import Compose
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import vmap
from torch.nn import functional as F

from rnnsweep import kernels, rng, run
from rnnsweep.cells import conv
from rnnsweep.cells.conv import Conv
from rnnsweep.cells.mingru import MinGRU
from rnnsweep.cells.minlstm import MinLSTM
from rnnsweep.cells.qrnn import QRNN
from rnnsweep.cells.rglru import RGLRU, RGLRULayer
from rnnsweep.cells.scan import ScanCell, ScanLayer
from rnnsweep.cells.transformer import Transformer
from rnnsweep.interrupt import StopRequest
from rnnsweep.kernels import linear_scan as scans
from rnnsweep.kernels.linear_scan import linear_scan
from rnnsweep.record import RunStore
from rnnsweep.stack import Stack
from rnnsweep.train import Observer
from rnnsweep.types import Batch, Metrics, State

WAYS: list[kernels.Execution] = ["fused", "scan"]


def step_by_step(a: Tensor, b: Tensor, h: Tensor) -> Tensor:
    outputs = []
    for factor, summand in zip(a.unbind(1), b.unbind(1), strict=True):
        h = factor * h + summand
        outputs.append(h)
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("how", WAYS)
@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 4), time=st.sampled_from([1, 2, 15, 31, 32, 33, 48, 300, 700]), hidden=st.integers(1, 9),
    time_first=st.booleans(),
)  # fmt: skip
def test_the_scan_is_the_recurrence(
    how: kernels.Execution, batch: int, time: int, hidden: int, time_first: bool
) -> None:
    """Outputs and all gradients, of one model and of the members of a stack, whatever their layout in memory."""
    generator = torch.Generator().manual_seed(time + hidden)

    def numbers(*shape: int) -> Tensor:
        shape = (shape[0], shape[2], shape[1], shape[3]) if time_first and len(shape) == 4 else shape
        values = torch.rand(shape, dtype=torch.float64, generator=generator) * 2 - 0.9
        return (values.transpose(1, 2) if time_first and len(shape) == 4 else values).requires_grad_()

    given = numbers(2, batch, time, hidden), numbers(2, batch, time, hidden), numbers(2, batch, hidden)
    wanted = torch.stack([step_by_step(*member) for member in zip(*given, strict=True)])
    dh = torch.randn(wanted.shape, dtype=wanted.dtype, generator=generator)
    with kernels.executing(how):
        got, alone = vmap(linear_scan)(*given), linear_scan(*(values[1] for values in given))
    torch.testing.assert_close(got, wanted)
    assert torch.equal(alone, got[1])
    for mine, true in zip(torch.autograd.grad(got, given, dh), torch.autograd.grad(wanted, given, dh), strict=True):
        torch.testing.assert_close(mine, true)


def test_threads_share_a_scan_without_changing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(scans, "SHARED_WORK", 1)
    for batch in (1, 7):
        given = [torch.rand(batch, 40, 13).requires_grad_() for _ in range(2)] + [
            torch.rand(batch, 13).requires_grad_()
        ]
        results = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            with kernels.executing("fused"):
                h = linear_scan(*given)
            results.append([h, *torch.autograd.grad(h.sin().sum(), given)])
        torch.set_num_threads(1)
        assert all(torch.equal(one, two) for one, two in zip(*results, strict=True))


def in_log_space(log_a: Tensor, log_b: Tensor) -> Tensor:
    """Feng et al. 2024, appendix B.1 (Heinsen 2023): log_b begins with the logarithm of the initial state."""
    total = F.pad(log_a.cumsum(1), (0, 0, 1, 0))
    return (total + torch.logcumsumexp(log_b - total, 1)).exp()[:, 1:]


def log_g(x: Tensor) -> Tensor:
    return torch.where(x >= 0, (F.relu(x) + 0.5).log(), -F.softplus(-x))


def mingru_in_log_space(layer: ScanLayer, x: Tensor, h: Tensor) -> Tensor:
    """Their algorithm 6."""
    k, n = layer.projection(x).chunk(2, -1)
    return in_log_space(-F.softplus(k), torch.cat([h.log()[:, None], -F.softplus(-k) + log_g(n)], 1))


def minlstm_in_log_space(layer: ScanLayer, x: Tensor, h: Tensor) -> Tensor:
    """Their algorithm 8."""
    f, i, n = layer.projection(x).chunk(3, -1)
    diff = F.softplus(-f) - F.softplus(-i)
    return in_log_space(-F.softplus(diff), torch.cat([h.log()[:, None], -F.softplus(-diff) + log_g(n)], 1))


@pytest.mark.parametrize(("cls", "reference"), [(MinGRU, mingru_in_log_space), (MinLSTM, minlstm_in_log_space)])
@pytest.mark.parametrize("how", WAYS)
def test_minimal_cells_are_their_papers_log_space(
    cls: type[ScanCell], reference: Callable[[ScanLayer, Tensor, Tensor], Tensor], how: kernels.Execution
) -> None:
    torch.manual_seed(0)
    cell = cls(3, hidden_size=6).double()
    (layer,) = cell.layers
    x, h = torch.randn(2, 50, 3, dtype=torch.float64) * 3, torch.rand(2, 6, dtype=torch.float64)
    wanted = reference(layer, x, h)
    with kernels.executing(how):
        got, state = cell(x, (h,))
    torch.testing.assert_close(got, wanted, rtol=1e-6, atol=1e-9)  # their softplus is linear from 20 on
    torch.testing.assert_close(state[0], got[:, -1])


Step = Callable[[ScanLayer, Tensor, Tensor], tuple[Tensor, Tensor]]


def g(x: Tensor) -> Tensor:
    return torch.where(x >= 0, x + 0.5, x.sigmoid())


def mingru(layer: ScanLayer, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    z, n = F.linear(x[:, -1], layer.projection.weight, layer.projection.bias).chunk(2, -1)
    z = z.sigmoid()
    h = (1 - z) * h + z * g(n)
    return h, h


def mingru_linear(layer: ScanLayer, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    z, n = F.linear(x[:, -1], layer.projection.weight, layer.projection.bias).chunk(2, -1)
    h = (1 - z.sigmoid()) * h + z.sigmoid() * n
    return h, h


def minlstm(layer: ScanLayer, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    f, i, n = F.linear(x[:, -1], layer.projection.weight, layer.projection.bias).chunk(3, -1)
    f, i = f.sigmoid(), i.sigmoid()
    h = f / (f + i) * h + i / (f + i) * g(n)
    return h, h


def rglru(layer: RGLRULayer, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    u = F.linear(x[:, -1], layer.projection.weight, layer.projection.bias)
    r, i = F.linear(u, layer.gates.weight, layer.gates.bias).sigmoid().chunk(2, -1)
    a = layer.decay.sigmoid() ** (8 * r)
    h = a * h + (1 - a**2).sqrt() * (i * u)
    return h, h


def qrnn(layer: ScanLayer, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """As a convolution over the last two inputs."""
    kernel = layer.projection.weight.unflatten(1, (2, -1)).transpose(1, 2)  # (gates, in, window)
    f, z, o = F.conv1d(x[:, -2:].mT, kernel, layer.projection.bias)[:, :, 0].chunk(3, -1)
    c = f.sigmoid() * c + (1 - f.sigmoid()) * z.tanh()
    return o.sigmoid() * c, c


STEPS = [
    (MinGRU, {}, mingru),
    (MinGRU, {"positive": False}, mingru_linear),
    (MinLSTM, {}, minlstm),
    (RGLRU, {}, rglru),
    (QRNN, {}, qrnn),
]


def written_out(cell: ScanCell, step: Step, x: Tensor) -> Tensor:
    """All layers, one step at a time."""
    for layer in cell.layers:
        seen, state, outputs = F.pad(x, (0, 0, 1, 0)), x.new_zeros(len(x), cell.hidden_size), []
        for t in range(x.shape[1]):
            y, state = step(layer, seen[:, t : t + 2], state)
            outputs.append(y)
        x = torch.stack(outputs, 1)
    return x


def with_gradients(cell: ScanCell, y: Tensor, *more: Tensor) -> list[Tensor]:
    """Outputs and the gradients of all weights."""
    return [y, *torch.autograd.grad(y.square().mean() + y.sin().mean(), [*cell.parameters(), *more])]


@pytest.mark.parametrize(("cls", "options", "step"), STEPS)
@pytest.mark.parametrize("how", WAYS)
def test_scan_cells_are_their_equations(cls, options, step, how) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    cell = cls(3, hidden_size=7, num_layers=2, **options).double()
    x = torch.randn(4, 40, 3, dtype=torch.float64, requires_grad=True)
    with kernels.executing(how):
        y, _ = cell(x, ())
    for got, wanted in zip(
        with_gradients(cell, y, x), with_gradients(cell, written_out(cell, step, x), x), strict=True
    ):
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize(("cls", "step"), [(cls, step) for cls, options, step in STEPS if not options])
@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("scale", [pytest.param(1.0, marks=pytest.mark.slow), 50.0])
def test_4096_steps_in_float32_neither_overflow_nor_drift(cls, step, how, scale) -> None:  # type: ignore[no-untyped-def]
    """Also with inputs that shut and open the gates all the way."""
    torch.manual_seed(0)
    cell = cls(3, hidden_size=8)
    x = torch.randn(2, 4096, 3) * scale
    with kernels.executing(how):
        got = with_gradients(cell, cell(x, ())[0])
    cell = cell.double()
    with torch.no_grad():
        truth = written_out(cell, step, x.double())
    with kernels.executing("scan"):
        wanted = with_gradients(cell, cell(x.double(), ())[0])
    assert (got[0] - truth).abs().max() < 1e-5 * truth.abs().max()
    for single, double in zip(got, wanted, strict=True):
        assert (single - double).abs().max() <= 5e-5 * double.abs().max()


@pytest.mark.parametrize("how", WAYS)
def test_a_gate_that_is_nearly_shut_keeps_its_digits(how: kernels.Execution) -> None:
    """A slow feature moves by z times the rest of its way, however small z is."""
    for cls, gates in ((MinGRU, lambda v: [v, 1.0]), (MinLSTM, lambda v: [0.0, v, 1.0])):
        cell = cls(1, hidden_size=1)
        for value in (-5.0, -20.0, -60.0):
            cell.layers[0].projection.weight.data.zero_()
            cell.layers[0].projection.bias.data = torch.tensor(gates(value))
            with kernels.executing(how):
                (h,) = cell(torch.zeros(1, 1, 1), ())[1]
            odds = math.exp(value) / (1 + math.exp(value)) / (1 if cls is MinGRU else 0.5)
            share = odds if cls is MinGRU else odds / (1 + odds)
            assert h.item() == pytest.approx(1.5 * share, rel=2e-6)


@pytest.mark.parametrize("how", WAYS)
def test_two_shut_gates_share_what_there_is(how: kernels.Execution) -> None:
    cell = MinLSTM(1, hidden_size=1).double()
    cell.layers[0].projection.weight.data.zero_()
    cell.layers[0].projection.bias.data = torch.tensor([-70.0, -70.0, 1.0], dtype=torch.float64)
    with kernels.executing(how):
        y, _ = cell(torch.zeros(1, 3, 1, dtype=torch.float64), ())
    torch.testing.assert_close(y.flatten(), torch.tensor([0.75, 1.125, 1.3125], dtype=torch.float64))


@pytest.mark.parametrize("cls", [MinGRU, RGLRU])
def test_mixed_precision_forgets_as_slowly(cls: type[ScanCell]) -> None:
    """The recurrence itself is in float32: in bfloat16 a slow feature would stand still."""
    torch.manual_seed(0)
    cell, x = cls(3, hidden_size=8), torch.randn(2, 2000, 3)
    if cls is MinGRU:
        nn.init.constant_(cell.layers[0].projection.bias[:8], -7.0)
    wanted, _ = cell(x, ())
    with torch.autocast("cpu", torch.bfloat16):
        got, state = cell(x, ())
    assert state[0].dtype == torch.float32
    torch.testing.assert_close(got[:, 1000:], wanted[:, 1000:], rtol=0.03, atol=0.03 * wanted.abs().max().item())


COSTS = [
    (MinGRU, {}, lambda i, h: (2 * h * (i + 1), h)),
    (MinLSTM, {}, lambda i, h: (3 * h * (i + 1), h)),
    (RGLRU, {}, lambda i, h: (h * (i + 2 * h + 4), h)),
    (QRNN, {"window": 3}, lambda i, h: (3 * h * (3 * i + 1), h + 2 * i)),
    (Conv, {"kernel": 3, "weight_norm": False}, lambda i, h: (h * (3 * (i + h) + 2), 2 * (i + h))),
    (Conv, {"kernel": 3}, lambda i, h: (h * (3 * (i + h) + 4), 2 * (i + h))),
    (
        Transformer,
        {"num_layers": 1, "heads": 3, "context": 5},
        lambda i, h: (h * (i + 1) + 2 * h + h * (4 * 12 + 8 * h + 10) + 3 * 12, 2 * 12 * 4 + 4),
    ),
]


@pytest.mark.parametrize(("cls", "options", "cost"), COSTS)
def test_costs_are_those_of_the_docstring(cls, options, cost) -> None:  # type: ignore[no-untyped-def]
    cell = cls(3, hidden_size=10, **options)
    state = sum(leaf[0].numel() for leaf in cell.initial_state(torch.zeros(2, 1, 3)))
    assert (sum(p.numel() for p in cell.parameters()), state) == cost(3, 10)


def test_rglru_begins_with_slow_features() -> None:
    torch.manual_seed(0)
    (layer,) = RGLRU(3, hidden_size=500).layers
    powers = layer.decay.sigmoid() ** 8
    assert 0.9 <= powers.min().item() < 0.905
    assert 0.994 < powers.max().item() <= 0.999 + 1e-5


@pytest.mark.parametrize("how", WAYS)
def test_zoneout_of_a_linear_recurrence(how: kernels.Execution) -> None:
    """Krueger et al. 2017: in training a feature moves or stays, in evaluation it goes its expected way."""
    torch.manual_seed(0)
    cell, plain = MinGRU(3, hidden_size=6, zoneout=0.3).double(), MinGRU(3, hidden_size=6).double()
    plain.load_state_dict(cell.state_dict(), strict=False)
    zoneout, key = cell.layers[0].zoneout, rng.key(0, "dropout", "z", 4)
    x, h = torch.randn(5, 200, 3, dtype=torch.float64), torch.zeros(5, 6, dtype=torch.float64)
    zoneout.start(key)
    with kernels.executing(how):
        trained, evaluated = cell.train()(x, ())[0], cell.eval()(x, ())[0]
    zoneout.start(key)
    masks, expected, stayed = zoneout.train().masks(200, (h,)), h, 0.0
    for t in range(200):
        moved = mingru(plain.layers[0], x[:, t : t + 1], h)[0]
        h = torch.where(masks[t, 0], h, moved)
        expected = 0.3 * expected + 0.7 * mingru(plain.layers[0], x[:, t : t + 1], expected)[0]
        stayed += (h != moved).double().mean().item() / 200
        torch.testing.assert_close(trained[:, t], h)
        torch.testing.assert_close(evaluated[:, t], expected, rtol=1e-6, atol=1e-6)
    assert stayed == pytest.approx(0.3, abs=0.03)


# Convolutions ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["small", "large"])
def batch_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sizes that a matrix product serves, and those that torch's convolution does."""
    monkeypatch.setattr(conv, "WIDE", 0 if request.param == "large" else 2**60)


@pytest.mark.usefixtures("batch_size")
@pytest.mark.parametrize("norm", [True, False])
def test_conv_is_torchs_dilated_convolutions(norm: bool) -> None:
    torch.manual_seed(0)
    cell = Conv(3, hidden_size=5, num_layers=3, kernel=3, weight_norm=norm, residual=True).double()
    x = torch.randn(2, 30, 3, dtype=torch.float64)
    h = x.mT
    for index, block in enumerate(cell.layers):
        below, spacing = h, 2**index
        for part in (block.first, block.second):
            dilated = nn.Conv1d(part.in_features // 3, 5, 3, dilation=spacing).double()
            if norm:
                nn.init.uniform_(part.scale, 0.5, 2)
                dilated = nn.utils.parametrizations.weight_norm(dilated, dim=0)
                dilated.parametrizations.weight.original0.data = part.scale[:, None, None]
                dilated.parametrizations.weight.original1.data = part.weight.unflatten(1, (3, -1)).mT
            else:
                dilated.weight.data = part.weight.unflatten(1, (3, -1)).mT
            dilated.bias.data = part.bias
            h = dilated(F.pad(h, (2 * spacing, 0))).relu()
        h = h + below if index else h
    torch.testing.assert_close(cell(x, ())[0], h.mT)


@pytest.mark.usefixtures("batch_size")
def test_conv_in_pieces_and_in_a_stack_is_conv() -> None:
    """The past of a call is that of the next; a member computes what it computes alone."""

    def squares(model: nn.Module, batch: Batch, _: State) -> tuple[Tensor, Metrics, State]:
        y = model(batch["inputs"], ())[0]
        return y.square().mean(), {"loss": (y.detach().square().sum(), torch.tensor(1.0))}, (y,)

    torch.manual_seed(0)
    cells = [Conv(3, hidden_size=5, num_layers=2, kernel=3) for _ in range(3)]
    x = torch.randn(3, 2, 30, 3)
    whole, state = cells[0](x[0], ())[0], ()
    pieces = []
    for piece in x[0].split([1, 2, 20, 7], 1):
        y, state = cells[0](piece, state)
        pieces.append(y)
    torch.testing.assert_close(torch.cat(pieces, 1), whole)
    stack = Stack(cells, torch.device("cpu"))
    _, (together,) = stack.differentiate(squares, {"inputs": x}, (), stack.keys([0, 1, 2], 0))
    for row, cell in enumerate(cells):
        alone = Stack([cell], torch.device("cpu"))
        _, (own,) = alone.differentiate(squares, {"inputs": x[row : row + 1]}, (), alone.keys([row], 0))
        torch.testing.assert_close(own[0], together[row])
        torch.testing.assert_close(alone.gradients[0], stack.gradients[row], rtol=1e-5, atol=1e-9)


def test_conv_sees_as_far_as_it_says() -> None:
    torch.manual_seed(0)
    cell = Conv(1, hidden_size=64, num_layers=3, kernel=2, residual=True)
    reach = 1 + 2 * (2 - 1) * (2**3 - 1)
    x = torch.randn(1, 40, 1)
    changed = x.clone()
    changed[:, 4] += 3
    differs = (cell(x, ())[0] != cell(changed, ())[0]).any(2)[0].nonzero().flatten().tolist()
    assert differs[0] == 4
    assert differs[-1] == 4 + reach - 1


# Attention -------------------------------------------------------------------------------------------------------


def attended(cell: Transformer, block: nn.Module, x: Tensor) -> Tensor:
    """One sequence (time, hidden): each step looks at each step in its window, positions as turns in the plane."""
    read = F.layer_norm(x, x.shape[1:], block.attention_norm.weight, block.attention_norm.bias)
    q, k, v = (read @ block.query_key_value.weight.T + block.query_key_value.bias).chunk(3, 1)
    size = cell.width // cell.heads
    rows = []
    for t in range(len(x)):
        window, heads = range(max(0, t - cell.context + 1), t + 1), []
        for head in range(cell.heads):
            part = slice(head * size, (head + 1) * size)
            scores = torch.stack([turned_product(q[t, part], k[s, part], t - s) for s in window]) / math.sqrt(size)
            heads.append(scores.softmax(0) @ v[window.start : t + 1, part])
        rows.append(torch.cat(heads))
    x = x + torch.stack(rows) @ block.attended.weight.T + block.attended.bias
    read = F.layer_norm(x, x.shape[1:], block.mlp_norm.weight, block.mlp_norm.bias)
    return x + F.gelu(read @ block.up.weight.T + block.up.bias) @ block.down.weight.T + block.down.bias


def turned_product(q: Tensor, k: Tensor, distance: int) -> Tensor:
    """Re Σ q_j conj(k_j) e^{i distance θ_j}, of halves taken as real and imaginary parts."""
    half = len(q) // 2
    turns = torch.tensor([cmath.exp(1j * distance * 10_000 ** (-j / half)) for j in range(half)])
    complex_q, complex_k = torch.complex(q[:half], q[half:]), torch.complex(k[:half], k[half:])
    return (complex_q * complex_k.conj() * turns).sum().real


@pytest.mark.parametrize("context", [3, 8, 40])
def test_attention_in_pieces_is_full_attention(context: int) -> None:
    """Over one call, over calls with the cache carried, and over sequences of which one began earlier."""
    torch.manual_seed(0)
    cell = Transformer(3, hidden_size=10, num_layers=2, heads=2, context=context).double()
    x = torch.randn(2, 20, 3, dtype=torch.float64)
    wanted = []
    for sequence in x:
        h = sequence @ cell.embed.weight.T + cell.embed.bias
        for block in cell.blocks:
            h = attended(cell, block, h)
        wanted.append(F.layer_norm(h, h.shape[1:], cell.norm.weight, cell.norm.bias))
    torch.testing.assert_close(cell(x, ())[0], torch.stack(wanted))
    _, begun = cell(x[:1, :7], ())
    both = tuple(torch.cat([old, new]) for old, new in zip(begun, cell.initial_state(x[1:]), strict=True))
    y, _ = cell(torch.stack([x[0, 7:], x[1, :13]]), both)
    torch.testing.assert_close(y, torch.stack([wanted[0][7:], wanted[1][:13]]))


def test_a_step_beyond_the_context_is_forgotten() -> None:
    torch.manual_seed(0)
    cell = Transformer(3, hidden_size=8, num_layers=1, heads=2, context=4)
    x = torch.randn(1, 12, 3)
    changed = x.clone()
    changed[:, 2] += 1
    differs = (cell(x, ())[0] != cell(changed, ())[0]).any(2)[0]
    assert differs.tolist() == [2 <= t < 6 for t in range(12)]


@pytest.mark.slow
def test_mingru_copies_selectively_and_a_window_does_not(composed: Compose, tmp_path: Path) -> None:
    """Feng et al. 2024, table 1: three layers solve it; what cannot choose what to keep does not."""
    shape = ("task=selective_copy", "task.seq_len=32", "task.remembered=4", "optimizer.lr=3e-3")
    shape += ("train.steps=1000", "train.batch_size=64", "train.eval_every=500", "train.kernel=fused")
    layers = ("cell=mingru", "cell.num_layers=3", "cell.hidden_size=64", "cell.residual=true", "cell.layer_norm=true")
    accuracy = []
    for cell in (layers, ("cell=mlp_window", "cell.hidden_size=64", "cell.window=8")):
        prepared = run.prepare(composed(*shape, *cell))
        store = RunStore(tmp_path / prepared.id)
        assert store.claim()
        (record,) = run.execute([(prepared, store)], Observer(), StopRequest())
        accuracy.append(record.best["test/accuracy"])
    assert accuracy[0] > 0.99
    assert accuracy[1] < 0.5
