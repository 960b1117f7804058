"""The fused kernel against the written-out step, closed forms and itself; the measured choice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import vmap

from rnnsweep import kernels
from rnnsweep.cells import gru, gru_reset_before, lstm, lstm_vanilla, mut, rnn
from rnnsweep.cells.base import RecurrentCell
from rnnsweep.cells.gru import GRU
from rnnsweep.cells.gru_reset_before import GRUResetBefore
from rnnsweep.cells.indrnn import IndRNN
from rnnsweep.cells.lstm import LSTM
from rnnsweep.cells.lstm_layernorm import LSTMLayerNorm
from rnnsweep.cells.lstm_vanilla import LSTMVanilla
from rnnsweep.cells.mut import MUT1, MUT2, MUT3
from rnnsweep.cells.rnn import RNN
from rnnsweep.kernels import choice, dense, fused, stages, threads
from rnnsweep.kernels.functions import complement, sigmoid, sigmoid_slope, tanh, tanh_slope, zero
from rnnsweep.kernels.pointwise import Pointwise, Step, StepGrads, Values

CELLS = [(GRU, {}), (LSTM, {}), (RNN, {}), (RNN, {"nonlinearity": "relu"})]
MORE = [  # a second product, also one that is apart or two; a vector for a matrix; peepholes and gates that feed gates
    (MUT1, {}),
    pytest.param(MUT3, {}, marks=pytest.mark.slow),
    pytest.param(GRUResetBefore, {}, marks=pytest.mark.slow),
    pytest.param(MUT2, {}, marks=pytest.mark.slow),
    (IndRNN, {}),
    (LSTMVanilla, {"gate_recurrence": True}),
    pytest.param(LSTMVanilla, {"forget_gate": "coupled", "output_activation": False}, marks=pytest.mark.slow),
]
NORMALISED = [(LSTMLayerNorm, {})]
VANILLA = {"inputs": True, "forget": "own", "outputs": True, "squash_in": True, "squash_out": True}
VARIANTS = [
    lstm_vanilla.pointwise(**VANILLA | switched, peepholes=peepholes, fed=fed)
    for switched in (
        {},
        *({name: False} for name in VANILLA if name != "forget"),
        {"forget": "none"},
        {"forget": "coupled"},
    )
    for peepholes, fed in ((True, False), (False, True))
]
INNER = [gru_reset_before.POINTWISE, mut.FIRST, mut.THIRD]
UNITS = [gru.POINTWISE, lstm.POINTWISE, rnn.TANH, rnn.RELU, *INNER, *VARIANTS]


def both(cell: RecurrentCell, x: torch.Tensor, state: tuple[torch.Tensor, ...]) -> list[list[torch.Tensor]]:
    """Outputs, last state and the gradients of x, the initial state and all weights, fused and written out."""
    results = []
    leaves = [x, *state, *cell.parameters()]
    for how in ("fused", "scan"):
        with kernels.executing(how):
            y, after = cell(x, state)
        total = (y.sin() * torch.arange(1.0, y.shape[1] + 1).view(-1, 1)).sum() + sum(
            leaf.cos().sum() for leaf in after
        )
        results.append([y, *after, *torch.autograd.grad(total, leaves)])
    return results


@pytest.mark.parametrize(("cls", "options"), CELLS + MORE)
@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 17), time=st.integers(1, 9), width=st.integers(1, 9), hidden=st.integers(1, 35),
    layout=st.sampled_from(["contiguous", "time first", "sliced", "expanded"]),
)  # fmt: skip
def test_float32_agrees_with_the_written_out_step(cls, options, batch, time, width, hidden, layout) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(batch + 100 * hidden)
    cell = cls(width, hidden_size=hidden, num_layers=2, **options)
    x = {
        "contiguous": lambda: torch.randn(batch, time, width),
        "time first": lambda: torch.randn(time, batch, width).transpose(0, 1),
        "sliced": lambda: torch.randn(batch, 2 * time, width + 1)[:, ::2, 1:],
        "expanded": lambda: torch.randn(1, time, width).expand(batch, -1, -1),
    }[layout]().requires_grad_()
    state = tuple(torch.randn(hidden, batch).T.requires_grad_() for _ in range(2 * cell.leaves))
    for got, wanted in zip(*both(cell, x, state), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5 * max(1.0, wanted.abs().max().item()))


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [8, 33])
def test_a_normalised_cell_in_float32_is_as_exact_as_written_out(hidden: int) -> None:
    """A normalisation magnifies rounding by as much as its deviation is small: by how much, the scan shows."""
    torch.manual_seed(0)
    cell = LSTMLayerNorm(5, hidden_size=hidden, num_layers=2)
    x = torch.randn(6, 20, 5, requires_grad=True)
    state = tuple(torch.randn(6, hidden, requires_grad=True) for _ in range(4))
    fused_, scan = both(cell, x, state)
    exact = both(
        cell.double(),
        x.detach().double().requires_grad_(),
        tuple(leaf.detach().double().requires_grad_() for leaf in state),
    )[1]
    for got, plain, wanted in zip(fused_, scan, exact, strict=True):
        assert (got - wanted).abs().max() < 4 * (plain - wanted).abs().max() + 1e-6 * wanted.abs().max()


@pytest.mark.parametrize(("cls", "options"), CELLS[:3] + NORMALISED)
def test_a_long_sequence_does_not_drift(cls, options) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    cell = cls(3, hidden_size=16, **options)
    x = torch.randn(2, 4096, 3)
    with torch.no_grad(), kernels.executing("fused"):
        y, _ = cell(x)
    with torch.no_grad(), kernels.executing("scan"):
        plain, _ = cell(x)
        wanted, _ = cell.double()(x.double())
    # where a normalised layer's deviation is small it magnifies rounding, at single steps: as the scan does
    bound = max(1e-4, 4 * (plain - wanted).abs().max().item())
    assert (y - wanted).abs().max() < bound
    assert (y - wanted)[:, -64:].abs().max() < bound


@pytest.mark.parametrize(("cls", "options"), CELLS + MORE + NORMALISED)
def test_what_is_not_a_number_stays_with_its_row_and_its_member(cls, options) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    cell = cls(3, hidden_size=19, **options)
    x = torch.randn(3, 4, 6, 3)
    x[1, 2, 3, 0] = torch.nan
    with kernels.executing("fused"):
        y = vmap(lambda x: cell(x)[0])(x)
    bad = y.isnan()
    assert bad[1, 2, 3:].all()
    assert bad.sum() == 3 * 19
    x[1] = 1e30  # saturates, and overflows in relu, but spoils no other member
    with kernels.executing("fused"):
        again = vmap(lambda x: cell(x)[0])(x)
    assert torch.equal(again[0], y[0])
    assert torch.equal(again[2], y[2])


@pytest.mark.parametrize(("cls", "options"), CELLS + MORE + NORMALISED)
@pytest.mark.parametrize("members", [2, 7])
def test_members_are_bit_by_bit_what_they_are_alone(cls, options, members) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    cell = cls(5, hidden_size=33, num_layers=2, **options)
    weights = [torch.randn(members, *p.shape).mul(0.2).requires_grad_() for p in cell.parameters()]
    names, x = [name for name, _ in cell.named_parameters()], torch.randn(members, 9, 11, 5)

    def one(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        y, _ = torch.func.functional_call(cell, dict(zip(names, weights, strict=True)), (x, ()))
        return y

    with kernels.executing("fused"):
        together = vmap(one)(x, *weights)
        grads = torch.autograd.grad(together.sin().sum(), weights)
        for m in range(members):
            own = [weight[m].detach().requires_grad_() for weight in weights]
            alone = one(x[m], *own)
            assert torch.equal(alone, together[m])
            for got, wanted in zip(torch.autograd.grad(alone.sin().sum(), own), grads, strict=True):
                assert torch.equal(got, wanted[m])


@pytest.mark.parametrize(("cls", "options"), [*CELLS[:3], MORE[0], MORE[4], *NORMALISED])
@pytest.mark.parametrize("members", [1, 3])
def test_threads_share_the_work_and_change_no_number(cls, options, members, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Members among them, and the pieces of a big batch."""
    torch.manual_seed(0)
    cell = cls(4, hidden_size=24, **options)
    x = torch.randn(members, 40, 7, 4, requires_grad=True)

    def results(count: int) -> list[torch.Tensor]:
        cell.zero_grad()
        with kernels.executing("fused"), threads.using(count):
            y = vmap(lambda x: cell(x)[0])(x)
            (dx,) = torch.autograd.grad(y.square().sum(), [x], retain_graph=True)
            y.square().sum().backward()
        return [y, dx, *(p.grad for p in cell.parameters() if p.grad is not None)]

    small = results(1)
    for got, wanted in zip(results(2), small, strict=True):
        assert torch.equal(got, wanted)
    monkeypatch.setattr(stages, "SHARED_WORK", 1)
    assert stages.Size(40, 7, 4, 24).pieces == 2
    big = results(1)
    for got, wanted in zip(results(3), big, strict=True):
        assert torch.equal(got, wanted)
    torch.testing.assert_close(big, small)


@pytest.mark.parametrize("unit", UNITS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_units_derivative_is_that_of_its_step(unit: Pointwise, data: st.DataObject) -> None:
    """In plain Python, against central differences."""
    number = st.floats(-2, 2).filter(lambda value: abs(value) > 1e-3)  # relu has no derivative at 0
    counts = (unit.gates, unit.apart, unit.leaves, unit.parameters)
    arguments = [tuple(data.draw(number) for _ in range(count)) for count in counts]
    d = tuple(data.draw(number) for _ in range(unit.leaves))
    new, saved = unit.forward(*arguments)
    assert len(saved) == unit.saved
    slopes = unit.backward(d, saved, arguments[2], new, arguments[3])
    assert [len(slope) for slope in slopes] == list(counts)
    for place, (argument, slope) in enumerate(zip(arguments, slopes, strict=True)):
        for i in range(len(argument)):
            values = []
            for step in (1e-5, -1e-5):
                moved = list(arguments)
                moved[place] = (*argument[:i], argument[i] + step, *argument[i + 1 :])
                after, _ = unit.forward(*moved)
                values.append(sum(a * b for a, b in zip(d, after, strict=True)))
            assert slope[i] == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-7)


@pytest.mark.parametrize("unit", INNER)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_the_derivative_of_the_first_half_of_a_step(unit: Pointwise, data: st.DataObject) -> None:
    number = st.floats(-2, 2)
    assert unit.inner_forward is not None
    assert unit.inner_backward is not None
    x, s, d = (tuple(data.draw(number) for _ in range(count)) for count in (unit.gates - unit.inner, 1, unit.inner))
    vectors, saved = unit.inner_forward(x, s)
    assert (len(vectors), len(saved)) == (unit.inner, unit.inner_saved)
    slopes = unit.inner_backward(d, saved, s)
    assert [len(slope) for slope in slopes] == [len(x), 1]
    both, flat = (*x, *s), (*slopes[0], *slopes[1])
    for i in range(len(both)):
        moved = [(*both[:i], both[i] + step, *both[i + 1 :]) for step in (1e-5, -1e-5)]
        values = [sum(a * b for a, b in zip(d, unit.inner_forward(at[:-1], at[-1:])[0], strict=True)) for at in moved]
        assert flat[i] == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-7)


def test_the_scalar_functions() -> None:
    """The compiled tanh and sigmoid over all of float32's range, through a cell of one unit."""
    layer_weights = [torch.ones(1, 1), torch.zeros(1, 1), torch.zeros(1), torch.zeros(1)]
    x = torch.cat([torch.linspace(-12, 12, 100_001), torch.tensor([1e30, -1e30, torch.inf, -torch.inf, torch.nan])])
    y, _ = fused.layer(rnn.TANH, x.view(-1, 1, 1), (torch.zeros(len(x), 1),), layer_weights, [])
    wanted = x.double().tanh()
    assert (y.flatten() - wanted)[:-1].abs().max() < 3e-7
    assert y.flatten()[-1].isnan()


# A cell that needs all of the interface: peepholes, coupled gates that feed one another, several leaves that feed. --


def peephole_forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    """f = σ(x_f + p_0 c), c' = f c + (1 - f) tanh(x_g + f u_g), o = σ(p_1 c'), h' = o tanh(c'); f feeds as h does."""
    (x_f, x_g), (u_g,), (_, _, c), (p_f, p_o) = gates, recurrent, state, parameters
    f = sigmoid(x_f + p_f * c)
    g = tanh(x_g + f * u_g)
    new = f * c + complement(f) * g
    o = sigmoid(p_o * new)
    return Step(state=(o * tanh(new), f, new), saved=(g, o, u_g))


def peephole_backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    (d_h, d_f, d_c), (g, o, u_g), (_, _, c), (_, f, after), (p_f, p_o) = grad, saved, state, new, parameters
    d_o = d_h * tanh(after) * sigmoid_slope(o)
    d_c = d_c + d_h * o * tanh_slope(tanh(after)) + d_o * p_o
    d_g = d_c * complement(f) * tanh_slope(g)
    d_f = (d_f + d_c * (c - g) + d_g * u_g) * sigmoid_slope(f)
    return StepGrads(
        gates=(d_f, d_g),
        recurrent=(d_g * f,),
        state=(zero(c), zero(c), d_c * f + d_f * p_f),
        parameters=(d_f * c, d_o * after),
    )


PEEPHOLE = Pointwise(
    forward=peephole_forward, backward=peephole_backward, gates=2, apart=1, leaves=3, feeds=2, parameters=2, saved=3
)


def peephole_torch(x, state, weight_ih, weight_hh, bias_ih, bias_hh, p_f, p_o):  # type: ignore[no-untyped-def]
    h, f, c = state
    outputs = []
    for step in x.unbind(1):
        share, (x_f, x_g) = torch.cat([h, f], 1) @ weight_hh.T + bias_hh, (step @ weight_ih.T + bias_ih).chunk(2, 1)
        u_f, u_g = share.chunk(2, 1)
        f = torch.sigmoid(x_f + u_f + p_f * c)
        c = f * c + (1 - f) * torch.tanh(x_g + f * u_g)
        h = torch.sigmoid(p_o * c) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs, 1), (h, f, c)


@pytest.mark.parametrize("hidden", [1, 6, 17])
def test_peepholes_gates_that_feed_and_a_share_apart(hidden: int) -> None:
    torch.manual_seed(0)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, requires_grad=True)

    weights = [numbers(2 * hidden, 3), numbers(2 * hidden, 2 * hidden), numbers(2 * hidden), numbers(2 * hidden)]
    units, state, x = [numbers(hidden), numbers(hidden)], tuple(numbers(4, hidden) for _ in range(3)), numbers(4, 5, 3)
    y, last = fused.layer(PEEPHOLE, x, state, weights, units)
    wanted, end = peephole_torch(x, state, *weights, *units)
    torch.testing.assert_close((y, *last), (wanted, *end))
    leaves = [x, *state, *weights, *units]
    got = torch.autograd.grad(y.sin().sum() + sum(leaf.cos().sum() for leaf in last), leaves)
    torch.testing.assert_close(
        got, torch.autograd.grad(wanted.sin().sum() + sum(leaf.cos().sum() for leaf in end), leaves)
    )


def independent_forward(gates: Values, recurrent: Values, state: Values, parameters: Values) -> Step:
    """h' = tanh(x + p h): no product, a unit sees itself alone (Li et al. 2018, with tanh)."""
    return Step(state=(tanh(gates[0] + parameters[0] * state[0]),), saved=())


def independent_backward(grad: Values, saved: Values, state: Values, new: Values, parameters: Values) -> StepGrads:
    slope = grad[0] * tanh_slope(new[0])
    return StepGrads(gates=(slope,), recurrent=(), state=(slope * parameters[0],), parameters=(slope * state[0],))


INDEPENDENT = Pointwise(
    forward=independent_forward, backward=independent_backward, gates=1, parameters=1, saved=0, product=False
)


@pytest.mark.parametrize("biased", [True, False])
def test_a_cell_without_a_product(biased: bool) -> None:
    torch.manual_seed(0)
    weight, recurrent, bias, h, x = (
        torch.randn(*shape, dtype=torch.float64, requires_grad=True)
        for shape in ((8, 3), (8,), (8,), (4, 8), (4, 6, 3))
    )

    def ours(x, h, weight, recurrent, bias):  # type: ignore[no-untyped-def]
        return fused.layer(INDEPENDENT, x, (h,), [weight, None, bias if biased else None, None], [recurrent])[0]

    assert torch.autograd.gradcheck(ours, (x, h, weight, recurrent, bias))
    state, outputs = h, []
    for step in x.unbind(1):
        state = torch.tanh(step @ weight.T + (bias if biased else 0) + recurrent * state)
        outputs.append(state)
    torch.testing.assert_close(ours(x, h, weight, recurrent, bias), torch.stack(outputs, 1))


# Dense layers in a stack -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["fused", "scan"])
@pytest.mark.parametrize("turned", [False, True])
def test_dense_layers_in_a_stack_are_torchs(how: kernels.Execution, turned: bool) -> None:
    torch.manual_seed(0)
    members, tokens = 3, torch.randint(7, (3, 4, 5))
    vectors, weight, bias = torch.randn(members, 7, 6), torch.randn(members, 7, 6), torch.randn(members, 7)
    leaves = [leaf.requires_grad_() for leaf in (vectors, weight, bias)]

    def ours(tokens, vectors, weight, bias):  # type: ignore[no-untyped-def]
        x = dense.embedding(tokens, vectors)
        x = x.transpose(0, 1).contiguous().transpose(0, 1) if turned else x
        scores = dense.linear(x, weight, bias)
        return (
            dense.mean_cross_entropy(scores, tokens) + dense.cross_entropy(dense.linear(x, weight, None), tokens).sum()
        )

    with kernels.executing(how):
        losses = vmap(ours)(tokens, *leaves)
        grads = torch.autograd.grad(losses.sum(), leaves)
    for m in range(members):
        own = [leaf[m].detach().requires_grad_() for leaf in leaves]
        x = nn.functional.embedding(tokens[m], own[0])
        scores, plain = (nn.functional.linear(x, own[1], bias).movedim(-1, 1) for bias in (own[2], None))
        loss = nn.functional.cross_entropy(scores, tokens[m])
        loss = loss + nn.functional.cross_entropy(plain, tokens[m], reduction="sum")
        torch.testing.assert_close(losses[m], loss)
        for got, wanted in zip(grads, torch.autograd.grad(loss, own), strict=True):
            torch.testing.assert_close(got[m], wanted)


# The choice --------------------------------------------------------------------------------------------------------


class Clocked:
    """Steps that take so many milliseconds, alone and as a member's share of a stack, by a clock of their own.

    Steps of the kernel `delayed` wait a second for the processor, which another program has.
    """

    def __init__(
        self,
        milliseconds: dict[tuple[kernels.Execution, bool], float],
        steady: bool = True,
        delayed: kernels.Execution | None = None,
    ):
        self.milliseconds, self.steady, self.delayed = milliseconds, steady, delayed
        self.now, self.waited, self.asked = 0.0, 0.0, list[tuple[kernels.Execution, int]]()

    def step(self, kernel: kernels.Execution, members: int) -> None:
        self.asked.append((kernel, members))
        self.now += members * self.milliseconds[kernel, members > 1] / 1e3
        self.waited += kernel == self.delayed

    def numbers(self, kernel: kernels.Execution, members: int) -> torch.Tensor:
        self.step(kernel, members)
        return torch.tensor([1.0 if self.steady else float(members)])


def times(alone: float, stacked: float, library: float) -> dict[tuple[kernels.Execution, bool], float]:
    return {("fused", False): alone, ("fused", True): stacked, ("library", False): library}


def chosen(steps: Clocked, program: str, user: Path, study: Path | None = None) -> kernels.Execution:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(user))
        patch.setattr(choice, "_chosen", {})
        patch.setattr("time.process_time", lambda: steps.now)
        patch.setattr("time.perf_counter", lambda: steps.now + steps.waited)
        return choice.decided("fused", program, steps, study)


@pytest.mark.parametrize(
    ("alone", "stacked", "library", "wanted"),
    [
        (2.0, 2.0, 1.0, "library"),
        (1.0, 1.0, 2.0, "fused"),
        (1.04, 1.04, 1.0, "fused"),  # within noise
        (1.06, 1.06, 1.0, "library"),
        (3.0, 0.3, 1.0, "fused"),  # slower alone by less than it is faster in a stack
        (3.0, 0.4, 1.0, "library"),
    ],
)
def test_what_is_fast_alone_and_in_a_stack_is_chosen(
    alone: float, stacked: float, library: float, wanted: str, tmp_path: Path
) -> None:
    assert chosen(Clocked(times(alone, stacked, library)), "a", tmp_path) == wanted


@pytest.mark.parametrize("delayed", ["fused", "library"])
def test_a_busy_machine_does_not_decide(delayed: kernels.Execution, tmp_path: Path) -> None:
    assert chosen(Clocked(times(1.0, 1.0, 2.0), delayed=delayed), "a", tmp_path) == "fused"


def test_an_execution_whose_numbers_depend_on_the_stack_is_not_chosen(tmp_path: Path) -> None:
    assert chosen(Clocked(times(1.0, 1.0, 9.0), steady=False), "a", tmp_path) == "library"


def test_a_large_model_is_measured_in_a_small_stack(tmp_path: Path) -> None:
    sizes = []
    for milliseconds in (1.0, 40.0, 500.0):
        steps = Clocked(times(milliseconds, milliseconds, milliseconds))
        chosen(steps, str(milliseconds), tmp_path)
        sizes.append(max(members for _, members in steps.asked))
    assert sizes == [16, 5, 2]


def test_a_choice_is_measured_once_and_stays_the_studys(tmp_path: Path) -> None:
    user, study = tmp_path / "user", tmp_path / "study"
    study.mkdir()
    slow, fast = Clocked(times(2.0, 2.0, 1.0)), Clocked(times(1.0, 1.0, 2.0))
    assert chosen(slow, "a", user, study) == "library"
    assert chosen(fast, "a", user) == "library"  # a run alone has what the study has measured
    assert fast.asked == []
    assert chosen(fast, "a", tmp_path / "another user", study) == "library"
    assert fast.asked == []
    (study / "kernels.json").write_text("torn")
    assert chosen(fast, "a", user, study) == "library"
    assert chosen(fast, "a", tmp_path / "another user", study) == "library"
    (study / "kernels.json").unlink()
    assert chosen(fast, "a", tmp_path / "another user", study) == "fused"
    (kept,) = json.loads((user / "rnnsweep" / "kernels.json").read_text()).values()
    assert kept["milliseconds"] == pytest.approx({"library": 1.0, "fused": 2.0, "fused of 16": 2.0})


@pytest.mark.slow
def test_compiled_code_is_shared_between_processes(tmp_path: Path) -> None:
    """The second process finds on disk what the first has compiled; neither imports Numba before it needs it."""
    code = (
        "import sys, torch; from rnnsweep.cells.rnn import RNN; from rnnsweep import kernels\n"
        "assert 'numba' not in sys.modules\n"
        "with kernels.executing('fused'): RNN(3, hidden_size=4)(torch.zeros(2, 5, 3))\n"
        "from rnnsweep.kernels.program import program; from rnnsweep.cells.rnn import TANH\n"
        "code = program(TANH, False); print(sum(code.advance.stats.cache_hits.values()))\n"
    )
    surroundings = os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    hits = [
        subprocess.run(
            [sys.executable, "-c", code], env=surroundings, capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    ]
    assert [int(hit) for hit in hits] == [0, 1]
