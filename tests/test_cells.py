"""The laws that every cell in conf/cell obeys, and the library's cells as references."""

import pytest
import torch
from conftest import Compose, cells
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnnsweep import kernels, rng, run
from rnnsweep.cells.base import AbstractCell
from rnnsweep.cells.gru import GRU
from rnnsweep.cells.lstm import LSTM
from rnnsweep.cells.rnn import RNN
from rnnsweep.stack import Stack

CELLS = cells()


@pytest.fixture(params=CELLS)
def cell(request: pytest.FixtureRequest, composed: Compose) -> AbstractCell:
    """Each shipped cell in float64, three features in, five out, two layers."""
    config, classes = run.validated(composed(f"cell={request.param}", "cell.hidden_size=5", "cell.num_layers=2"))
    with rng.seeded(0, "init"):
        made: AbstractCell = classes["cell"](3, **run.settings(config, "cell"))
    return made.double()


def sequence(batch: int = 4, time: int = 9) -> torch.Tensor:
    return torch.randn(batch, time, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def executions() -> list[kernels.Execution]:
    return ["library", "fused", "scan"]


@pytest.mark.parametrize("how", executions())
def test_splice_law(cell: AbstractCell, how: kernels.Execution) -> None:
    if how != "scan" and cell.runs_as(how) != how:
        pytest.skip(f"no {how} kernel of this cell")
    x = sequence()
    with kernels.executing(how):
        whole, end = cell(x, ())
        for cuts in ([1] * 9, [4, 5], [8, 1]):
            state, pieces = (), []
            for piece in x.split(cuts, 1):
                y, state = cell(piece, state)
                pieces.append(y)
            torch.testing.assert_close(torch.cat(pieces, 1), whole)
            torch.testing.assert_close(state, end)


def test_causality(cell: AbstractCell) -> None:
    x = sequence()
    changed = x.clone()
    changed[:, 5:] += 1
    before, after = cell(x, ())[0], cell(changed, ())[0]
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5], after[:, 5])


def test_batch_independence(cell: AbstractCell) -> None:
    x = sequence()
    together = cell(x, ())[0]
    for row in range(len(x)):
        torch.testing.assert_close(cell(x[row : row + 1], ())[0], together[row : row + 1])


def test_the_initial_state_is_the_empty_state(cell: AbstractCell) -> None:
    x = sequence()
    torch.testing.assert_close(cell(x, cell.initial_state(x)), cell(x, ()))


@pytest.mark.parametrize("how", executions())
def test_gradients(cell: AbstractCell, how: kernels.Execution) -> None:
    if how != "scan" and cell.runs_as(how) != how:
        pytest.skip(f"no {how} kernel of this cell")
    x = sequence(2, 4).requires_grad_()
    names = [name for name, _ in cell.named_parameters()]
    many = sum(parameter.numel() for parameter in cell.parameters()) > 800  # then in random directions alone

    def outputs(x: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        y, state = torch.func.functional_call(cell, dict(zip(names, weights, strict=True)), (x, ()))
        return torch.cat([y.flatten(), *(leaf.flatten() for leaf in state)])

    with kernels.executing(how):
        arguments = (x, *(p.detach().requires_grad_() for p in cell.parameters()))
        assert torch.autograd.gradcheck(outputs, arguments, fast_mode=many)


def test_the_executions_agree(cell: AbstractCell) -> None:
    x = sequence()
    results = []
    for how in executions():
        cell.zero_grad()
        with kernels.executing(how):
            y, state = cell(x, ())
        (y.square().sum() + sum(leaf.sum() for leaf in state)).backward()
        results.append([y, *state, *(p.grad.clone() for p in cell.parameters() if p.grad is not None)])
    for result in results[1:]:
        torch.testing.assert_close(result, results[0])


@pytest.mark.parametrize("name", CELLS)
def test_a_stack_equals_its_members_alone(name: str, composed: Compose) -> None:
    """Losses and gradients of three seeds, dropout included, as one program and one by one."""
    overrides = (f"cell={name}", "task=parity", "cell.hidden_size=6", "cell.num_layers=2", "cell.dropout=0.4")
    runs = [
        run.prepare(composed(*overrides, "task.output_dropout=.2", "task.examples=64", f"seed={s}")) for s in range(3)
    ]
    models = [run.make_model(r.config, r.classes, r.task).double() for r in runs]
    cpu = torch.device("cpu")
    alone = [Stack([model], cpu) for model in [run.make_model(r.config, r.classes, r.task).double() for r in runs]]
    stack = Stack(models, cpu)
    assert stack.parameter_count == sum(p.numel() for p in models[0].parameters())
    for member in (stack, *alone):
        member.model.train()
    batches = [r.task.batch(7) for r in runs]
    batch, keys = {k: torch.stack([b[k] for b in batches]) for k in batches[0]}, stack.keys([r.seed for r in runs], 7)
    losses, metrics, _ = stack.call(runs[0].task.loss, batch, (), keys)
    stack.backward(losses)
    for row, (r, member) in enumerate(zip(runs, alone, strict=True)):
        batch, keys = {k: value[None] for k, value in batches[row].items()}, member.keys([r.seed], 7)
        loss, single, _ = member.call(r.task.loss, batch, (), keys)
        member.backward(loss)
        torch.testing.assert_close(losses[row : row + 1], loss)
        torch.testing.assert_close(stack.gradients[row], member.gradients[0])
        torch.testing.assert_close(metrics["loss"][0][row], single["loss"][0][0])
    assert len({loss.item() for loss in losses}) == 3


def copy_weights(source: nn.RNNBase, cell: AbstractCell) -> None:
    for index, layer in enumerate(cell.layers):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(layer, name).data.copy_(getattr(source, f"{name}_l{index}"))


REFERENCES = [
    (GRU, {}, nn.GRU, {}),
    (LSTM, {}, nn.LSTM, {}),
    (RNN, {}, nn.RNN, {}),
    (RNN, {"nonlinearity": "relu"}, nn.RNN, {"nonlinearity": "relu"}),
]


@pytest.mark.parametrize(("ours", "options", "theirs", "reference_options"), REFERENCES)
@pytest.mark.parametrize("how", executions())
@settings(max_examples=10, deadline=None)
@given(batch=st.integers(1, 5), time=st.integers(1, 7), width=st.integers(1, 5), hidden=st.integers(1, 6))
def test_against_torch(ours, options, theirs, reference_options, how, batch, time, width, hidden) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(batch * 1000 + time)
    reference = theirs(width, hidden, 2, batch_first=True, **reference_options).double()
    cell = ours(width, hidden_size=hidden, num_layers=2, **options).double()
    copy_weights(reference, cell)
    x = torch.randn(batch, time, width, dtype=torch.float64, requires_grad=True)
    wanted, state = reference(x)
    with kernels.executing(how):
        got, leaves = cell(x, ())
    torch.testing.assert_close(got, wanted)
    layers = [state] if isinstance(state, torch.Tensor) else list(state)  # each (layer, batch, hidden)
    torch.testing.assert_close(leaves, tuple(kind[layer] for layer in range(2) for kind in layers))
    torch.testing.assert_close(
        torch.autograd.grad(got.sin().sum(), [x, cell.layers[0].weight_hh]),
        torch.autograd.grad(wanted.sin().sum(), [x, reference.weight_hh_l0]),
    )


def test_mlp_window_sees_its_window_and_no_more(composed: Compose) -> None:
    config, classes = run.validated(composed("cell=mlp_window", "cell.hidden_size=64", "cell.window=3"))
    torch.manual_seed(0)
    cell = classes["cell"](2, **run.settings(config, "cell"))
    x = torch.randn(1, 8, 2)
    changed = x.clone()
    changed[:, 2] += 1
    differs = (cell(x)[0] != cell(changed)[0]).any(2)[0]
    assert differs.tolist() == [False, False, True, True, True, False, False, False]


def test_initialisations() -> None:
    for name in ("orthogonal", "identity"):
        (layer,) = GRU(3, hidden_size=8, recurrent_init=name).layers
        for block in layer.weight_hh.chunk(3):
            torch.testing.assert_close(block @ block.T, torch.eye(8), atol=1e-5, rtol=0)
    assert torch.equal(GRU(3, hidden_size=8, recurrent_init="identity").layers[0].weight_hh[:8], torch.eye(8))
    lstm = LSTM(3, hidden_size=8, forget_bias=1.0).layers[0]
    assert torch.equal((lstm.bias_ih + lstm.bias_hh)[8:16], torch.ones(8))
    plain = LSTM(3, hidden_size=8, forget_bias=None, recurrent_init="uniform").layers[0]
    assert all(p.abs().max() <= 8**-0.5 for p in plain.parameters())
