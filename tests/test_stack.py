"""Laws of a stack: its members are rows of one matrix, and each computes what it computes alone."""

import sys
import types
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnnsweep import kernels
from rnnsweep.cells.gru import GRU
from rnnsweep.dropout import Dropout
from rnnsweep.layout import ALIGNMENT, Learned
from rnnsweep.rng import key
from rnnsweep.stack import Stack, source
from rnnsweep.types import Batch, Metrics, State

CPU = torch.device("cpu")


class Model(nn.Module):
    """A linear map with dropout, a mask that never hits, and a buffer of its own."""

    offset: Tensor

    def __init__(self, seed: int, rate: float = 0.5):
        super().__init__()
        torch.manual_seed(seed)
        self.drop, self.idle = Dropout(rate), Dropout(0.0)
        self.map = nn.Linear(3, 5)
        self.scale = nn.Parameter(torch.ones(5) + seed)
        self.register_buffer("offset", torch.tensor(float(seed)))

    def forward(self, x: Tensor) -> Tensor:
        return self.map(self.idle(self.drop(x))) * self.scale + self.offset


def loss(model: nn.Module, batch: Batch, state: State) -> tuple[Tensor, Metrics, State]:
    y = model(batch["inputs"]) + (state[0] if state else 0.0)
    total = y.square().sum()
    return total / len(y), {"loss": (total.detach(), torch.tensor(float(len(y))))}, (y,)


def stack_of(*seeds: int, **how: Any) -> Stack:
    return Stack([Model(seed) for seed in seeds], CPU, **how)


def batches(members: int) -> Batch:
    return {"inputs": torch.randn(members, 4, 3, generator=torch.Generator().manual_seed(1))}


def test_a_member_is_a_row_and_its_weights_are_views_into_it() -> None:
    stack, models = stack_of(0, 1, 2), [Model(seed) for seed in (0, 1, 2)]
    assert stack.size == 3
    assert stack.parameters.shape == stack.gradients.shape == (3, 3 * ALIGNMENT)  # each begins on a cache line
    assert 4 * ALIGNMENT == 64
    assert stack.parameter_count == 3 * 5 + 5 + 5
    for row, model in enumerate(models):
        own = dict(model.named_parameters()) | {"offset": torch.tensor(float(row))}
        weights = stack.weights(row)
        assert weights.keys() == own.keys()  # with the buffer, without the masks' rates and keys
        assert all(torch.equal(weights[name], own[name]) for name in own)
        for parameter in stack.module(row).parameters():
            parameter.data.fill_(row + 1)
            assert parameter.grad is not None
            parameter.grad.fill_(-row - 1)
        assert {*stack.parameters[row].tolist()} == {0, row + 1}  # padding is zero
        assert {*stack.gradients[row].tolist()} == {0, -row - 1}
        stack.module(row).offset.fill_(row + 1)
        assert all((weight == row + 1).all() for weight in stack.weights(row).values())
        weights["scale"].fill_(9)  # a copy
        assert not (stack.parameters == 9).any()


def test_all_models_are_set_to_training_or_to_evaluation() -> None:
    stack = stack_of(0, 1)
    stack.train(False)
    assert not any(model.training for model in stack.models)
    stack.train()
    assert all(model.training for model in stack.models)


def test_what_is_loaded_is_what_is_there() -> None:
    stack = stack_of(0, 1)
    before, other = stack.weights(0), stack.weights(1)
    stack.load(0, other)
    assert all(torch.equal(stack.weights(0)[name], other[name]) for name in other)
    assert torch.equal(stack.parameters[0], stack.parameters[1])
    assert stack.module(0).offset == 1
    lacking = {name: weight for name, weight in before.items() if name != "offset"}
    for wrong in ({}, lacking, *(before | {name: torch.zeros(1, 5)} for name in ("more", "scale", "offset"))):
        with pytest.raises(ValueError, match=r"^the weights are those of another model"):
            stack.load(0, wrong)
    of = Learned(torch.arange(2.0)[:, None].expand_as(stack.parameters), {"offset": torch.arange(2.0)})
    assert all((weight == 1).all() for weight in stack.weights(1, of).values())


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_a_member_of_a_stack_computes_what_it_computes_alone(together: bool, training: bool) -> None:
    """Losses, metrics, states and gradients; with masks of its own, and with a buffer of its own."""
    seeds, batch = (0, 1, 2), batches(3)
    stack = stack_of(*seeds)
    stack.run_with("scan", together=together)
    stack.train(training)
    assert [model.training for model in stack.models] == [training] * 3
    keys = stack.keys(seeds, 4)
    losses, metrics, state = stack.call(loss, batch, (), keys)
    state = (state[0].detach(),)
    stack.gradients.fill_(7.0)  # of a step before
    again, carried = stack.differentiate(loss, batch, state, stack.keys(seeds, 5))
    for row, seed in enumerate(seeds):
        alone = Stack([Model(seed)], CPU)
        alone.train(training)
        own, own_keys = {"inputs": batch["inputs"][row : row + 1]}, alone.keys([seed], 4)
        torch.testing.assert_close(alone.call(loss, own, (), own_keys)[0], losses[row : row + 1])
        own_state = (state[0][row : row + 1],)
        own_metrics, own_carried = alone.differentiate(loss, own, own_state, alone.keys([seed], 5))
        torch.testing.assert_close(own_metrics["loss"][0][0], again["loss"][0][row])
        torch.testing.assert_close(alone.gradients[0], stack.gradients[row])
        torch.testing.assert_close(own_carried[0][0], carried[0][row])
        assert metrics["loss"][1][row] == 4
    assert not carried[0].requires_grad
    assert stack.gradients.abs().sum() > 0
    assert torch.equal(stack.models[0].offset, torch.tensor(0.0))  # each model has its own tensors again


@pytest.mark.parametrize(("together", "calls"), [(False, 3), (True, 1)])
def test_members_that_run_together_are_one_program(together: bool, calls: int) -> None:
    stack, called = stack_of(0, 1, 2), []
    stack.run_with("scan", together=together)

    def counted(model: nn.Module, batch: Batch, state: State) -> tuple[Tensor, Metrics, State]:
        called.append(model)
        return loss(model, batch, state)

    stack.call(counted, batches(3), ())
    assert len(called) == calls
    stack.differentiate(counted, batches(3), ())
    assert len(called) == 2 * calls


@pytest.mark.parametrize("together", [False, True])
def test_the_keys_decide_the_masks(together: bool) -> None:
    stack = stack_of(0, 0)
    stack.run_with("scan", together=together)
    batch = {"inputs": torch.ones(2, 64, 3)}

    def masked(seeds: tuple[int, int], step: int) -> Tensor:
        return stack.call(loss, batch, (), stack.keys(seeds, step))[0].detach()

    first = masked((0, 1), 1)
    assert first[0] != first[1]
    assert torch.equal(masked((0, 1), 1), first)
    assert torch.equal(masked((1, 0), 1), first.flip(0))
    assert not torch.equal(masked((0, 1), 2), first)
    assert {name: keys.tolist() for name, keys in stack.keys((0, 1), 5).items()} == {
        "drop.key": [key(0, "dropout", "drop", 5), key(1, "dropout", "drop", 5)]
    }  # a mask of rate zero has none


def test_the_models_hold_other_weights_for_a_while_only() -> None:
    stack = stack_of(0, 1)
    own, best = stack.parameters.clone(), Learned(torch.full_like(stack.parameters, 3.0), {"offset": torch.ones(2) * 3})
    with stack.holding(best):
        assert (stack.module(1).scale == 3).all()
        assert stack.module(1).offset == 3
        best.parameters.fill_(0)  # a copy was made
        assert (stack.module(1).scale == 3).all()
    assert torch.equal(stack.parameters, own)
    assert [model.offset.item() for model in stack.models] == [0, 1]
    with pytest.raises(KeyError), stack.holding(best):
        raise KeyError
    assert torch.equal(stack.parameters, own)


@pytest.mark.parametrize(
    ("members", "kernel", "given", "together"),
    [
        (1, None, "library", False),
        (2, None, "scan", True),
        (1, "scan", "scan", False),
        (1, "fused", "fused", True),
        (2, "library", "library", False),
    ],
)
def test_members_run_together_where_one_program_serves_them(
    members: int, kernel: kernels.Execution | None, given: str, together: bool
) -> None:
    stack = stack_of(*range(members), kernel=kernel)
    assert (stack.kernel, stack.together) == (given, together)
    stack.run_with("library", together=True)
    assert (stack.kernel, stack.together) == ("library", True)


def test_a_mixed_stack_computes_in_mixed_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(kernels, "executing", lambda kernel: seen.append(kernel) or nullcontext())

    def watching(model: nn.Module, batch: Batch, state: State) -> tuple[Tensor, Metrics, State]:
        seen.append(torch.is_autocast_enabled("cpu"))
        return loss(model, batch, state)

    for mixed in (False, True):
        stack_of(0, mixed=mixed, kernel="library").call(watching, batches(1), ())
    assert seen == ["library", False, "library", True]


def test_a_stack_is_written_out_where_no_kernel_serves_its_cell() -> None:
    cells: dict[str, Any] = {"library": False, "scan": True}
    for kernel, written_out in cells.items():
        assert Stack([GRU(2, hidden_size=4)], CPU, kernel).written_out == written_out  # type: ignore[arg-type]
    assert Stack([GRU(2, hidden_size=4) for _ in range(2)], CPU, "library").written_out
    assert not Stack([Model(0)], CPU).written_out


def test_a_description_tells_programs_apart_and_not_members() -> None:
    """Classes, their files, shapes, types of numbers, and the kernels that a cell's settings allow."""
    described = [
        Stack([GRU(2, hidden_size=4)], CPU).describe(),
        Stack([GRU(2, hidden_size=5)], CPU).describe(),
        Stack([GRU(2, hidden_size=4, zoneout=0.1)], CPU).describe(),
        Stack([GRU(2, hidden_size=4).double()], CPU).describe(),
        Stack([Model(0)], CPU).describe(),
    ]
    assert all(described.count(each) == 1 for each in described)
    assert Stack([GRU(2, hidden_size=4) for _ in range(3)], CPU).describe() == described[0]
    assert described[4][2] == "torch.float32"
    assert sorted(described[4][1]) == [["map.bias", 5], ["map.weight", 5, 3], ["scale", 5]]


def test_a_class_is_told_by_its_files() -> None:
    own = source(Model)
    assert own[0] == "Model"
    assert len(own) == 1 + len(Model.__mro__)
    assert all(len(digest) in (0, 16) for digest in own[1:])
    assert own[1] == source(type("Other", (Model,), {"__module__": Model.__module__}))[1] != own[2]
    notebook = types.ModuleType("notebook_of_somebody")
    notebook.__file__ = "/nowhere/at/all.py"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, notebook.__name__, notebook)
        assert source(type("Typed", (), {"__module__": notebook.__name__}))[1] == ""
    assert source(type("Typed", (), {"__module__": "no_module_of_this_name"}))[1] == ""
