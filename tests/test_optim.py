"""Every optimizer equals torch.optim's, row by row; laws of those in conf/optimizer."""

import dataclasses
from pathlib import Path

import pytest
import torch
from conftest import Compose, choices

from rnnsweep import optim, run
from rnnsweep.errors import ConfigError
from rnnsweep.optim import AbstractOptimizer, Hyperparameters, clip_

CPU = torch.device("cpu")
TWINS = [
    (optim.AdamW, torch.optim.AdamW, {"lr": 3e-2, "weight_decay": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6}),
    (optim.Adam, torch.optim.Adam, {"lr": 3e-2, "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}),
    (optim.SGD, torch.optim.SGD, {"lr": 3e-2, "weight_decay": 0.1}),
    (optim.SGD, torch.optim.SGD, {"lr": 3e-2, "momentum": 0.9, "weight_decay": 0.1}),
    (optim.SGD, torch.optim.SGD, {"lr": 3e-2, "momentum": 0.9, "nesterov": True}),
    (optim.RMSprop, torch.optim.RMSprop, {"lr": 3e-3, "alpha": 0.95, "eps": 1e-6, "weight_decay": 0.1}),
    (optim.RMSprop, torch.optim.RMSprop, {"lr": 3e-3, "alpha": 0.9, "momentum": 0.9}),
]


OWN = (optim.NTASGD,)
"""Rules that torch has not: each has a reference of its own below."""


def theirs(kind: type, parameter: torch.Tensor, options: dict) -> torch.optim.Optimizer:
    options = dict(options)
    if "beta1" in options:
        options["betas"] = (options.pop("beta1"), options.pop("beta2"))
    return kind([parameter], **options)


def gradients(step: int, rows: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(rows, 7, dtype=dtype, generator=torch.Generator().manual_seed(step)) * 10.0 ** (step % 3 - 1)


@pytest.mark.parametrize(("ours", "twin", "options"), TWINS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_equals_torch_step_by_step(ours, twin, options, dtype, tolerance) -> None:  # type: ignore[no-untyped-def]
    """Three members with learning rates of their own, against three separate torch optimizers, 30 steps."""
    members: list[AbstractOptimizer] = [ours(**(options | {"lr": options["lr"] * k})) for k in (1, 2, 5)]
    parameters = gradients(999, 3, dtype)
    references = [row.clone().requires_grad_() for row in parameters]
    torches = [
        theirs(twin, row, options | {"lr": options["lr"] * k}) for row, k in zip(references, (1, 2, 5), strict=True)
    ]
    numbers, slots = Hyperparameters.of(members, CPU), members[0].init(parameters)
    for step in range(1, 31):
        moves = gradients(step, 3, dtype)
        for row, reference, optimizer in zip(moves, references, torches, strict=True):
            reference.grad = row.clone()
            optimizer.step()
        members[0].update(parameters, moves, slots, numbers, step)
        torch.testing.assert_close(parameters, torch.stack(references).detach(), atol=tolerance, rtol=tolerance)


def test_nesterov_without_momentum_is_refused_as_torch_does(composed: Compose) -> None:
    with pytest.raises(ValueError, match="Nesterov momentum requires a momentum"):
        torch.optim.SGD([torch.zeros(1)], lr=0.1, nesterov=True)
    with pytest.raises(ConfigError, match=r"optimizer.nesterov: .* set `optimizer.momentum`"):
        run.identify(composed("task=parity", "optimizer=sgd", "optimizer.nesterov=true", "optimizer.momentum=0.0"))
    run.identify(composed("task=parity", "optimizer=sgd", "optimizer.nesterov=true", "optimizer.momentum=0.5"))


def test_the_schedule_scales_the_rate() -> None:
    one, other = torch.ones(1, 3), torch.ones(1, 3)
    for parameters, lr, scale in ((one, 0.5, 0.2), (other, 0.1, 1.0)):
        sgd = optim.SGD(lr=lr)
        numbers = Hyperparameters.of([sgd], CPU).scaled(scale)
        sgd.update(parameters, torch.ones(1, 3), sgd.init(parameters), numbers, 1)
    torch.testing.assert_close(one, other)


def test_clip_equals_torch_for_each_member() -> None:
    rows = gradients(1, 4, torch.float32)
    limits = torch.tensor([[0.5], [1e9], [torch.inf], [2.0]])
    wanted, norms = [], []
    for row, limit in zip(rows, limits, strict=True):
        parameter = torch.zeros(7, requires_grad=True)
        parameter.grad = row.clone()
        norms.append(torch.nn.utils.clip_grad_norm_([parameter], limit.item()))
        wanted.append(parameter.grad)
    got = clip_(rows, limits)
    torch.testing.assert_close(got, torch.stack(norms))
    torch.testing.assert_close(rows, torch.stack(wanted))


def test_without_limits_nothing_is_clipped() -> None:
    rows = torch.tensor([[3.0, 4.0]]) * 1e3
    assert clip_(rows, None).item() == 5000
    assert rows.tolist() == [[3000, 4000]]


def test_a_members_nan_stays_with_it() -> None:
    rows = torch.tensor([[torch.nan, 1.0], [3.0, 4.0]])
    parameters = torch.ones(2, 2)
    adam = optim.AdamW(lr=0.1)
    clip_(rows, torch.ones(2, 1))
    adam.update(parameters, rows, adam.init(parameters), Hyperparameters.of([adam, adam], CPU), 1)
    assert torch.isfinite(parameters[1]).all()
    assert not torch.isfinite(parameters[0]).all()


@pytest.fixture(params=choices("optimizer"))
def shipped(request: pytest.FixtureRequest, composed: Compose) -> AbstractOptimizer:
    """Each optimizer in conf/optimizer with its own settings."""
    config, classes = run.validated(composed(f"optimizer={request.param}"))
    made: AbstractOptimizer = classes["optimizer"](**run.settings(config, "optimizer"))
    return made


def descended(optimizer: AbstractOptimizer, start: torch.Tensor, steps: range, slots: optim.Slots) -> torch.Tensor:
    """The rows after these steps of descent on half the sum of their squares, whose gradient is the row itself."""
    rows, numbers = start.clone(), Hyperparameters.of([optimizer] * len(start), CPU)
    for step in steps:
        optimizer.update(rows, rows.clone(), slots, numbers, step)
    return rows


def test_law_torch_has_a_twin_of_each(shipped: AbstractOptimizer) -> None:
    twins = {twin for ours, twin, _ in TWINS if ours is type(shipped)}
    assert isinstance(shipped, OWN) or getattr(torch.optim, type(shipped).__name__) in twins


def test_law_the_defaults_are_torchs(shipped: AbstractOptimizer) -> None:
    """But for the learning rates, which are the usual ones."""
    if isinstance(shipped, OWN):
        pytest.skip("torch has no such rule")
    ours, twin = type(shipped)(), getattr(torch.optim, type(shipped).__name__)
    wanted = dict(twin([torch.zeros(1)]).defaults)
    if "betas" in wanted:
        wanted["beta1"], wanted["beta2"] = wanted["betas"]
    wanted["lr"] = 0.1 if isinstance(ours, optim.SGD) else 1e-3
    assert dataclasses.asdict(ours) == {field.name: wanted[field.name] for field in dataclasses.fields(ours)}


def test_law_a_quadratic_decreases(shipped: AbstractOptimizer) -> None:
    start = torch.full((1, 5), 2.0)
    steps = round(4 / shipped.lr)  # those of constant size, as Adam's, are of size lr
    assert descended(shipped, start, range(1, steps), shipped.init(start)).norm() < start.norm() / 10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_law_slots_are_like_the_parameters(shipped: AbstractOptimizer, dtype: torch.dtype) -> None:
    rows = torch.ones(3, 5, dtype=dtype)
    slots = shipped.init(rows)
    descended(shipped, rows, range(1, 3), slots)
    assert any(slot.shape == rows.shape for slot in slots.values())
    for slot in slots.values():  # those that are no weights are numbers of a member, in float64
        assert (slot.shape, slot.dtype) == (rows.shape, dtype) or (len(slot), slot.dtype) == (3, torch.float64)


def test_law_a_member_does_not_see_the_others(shipped: AbstractOptimizer) -> None:
    rows = gradients(3, 4, torch.float32)
    together = descended(shipped, rows, range(1, 20), shipped.init(rows))
    for row in range(4):
        alone = rows[row : row + 1]
        assert torch.equal(descended(shipped, alone, range(1, 20), shipped.init(alone)), together[row : row + 1])


def test_law_a_checkpoint_of_the_slots_continues(shipped: AbstractOptimizer, tmp_path: Path) -> None:
    rows = gradients(4, 2, torch.float32)
    whole = descended(shipped, rows, range(1, 20), shipped.init(rows))
    slots = shipped.init(rows)
    half = descended(shipped, rows, range(1, 10), slots)
    torch.save((half, slots), tmp_path / "slots.pt")
    half, slots = torch.load(tmp_path / "slots.pt", weights_only=True)
    assert torch.equal(descended(shipped, half, range(10, 20), slots), whole)


# NT-ASGD -------------------------------------------------------------------------------------------------------


def test_nt_asgd_is_sgd_whose_weights_are_averaged_from_the_trigger_on() -> None:
    """Against torch's SGD, the authors' trigger, and the mean of the weights after each step after it."""
    courses = [[5.0, 4.0, 3.0, 3.5, 3.2, 3.1, 3.3, 2.0], [5.0, 4.0, 3.0, 2.9, 2.8, 2.7, 2.6, 2.5]]
    n, rule = 2, optim.NTASGD(lr=0.1, weight_decay=0.01, nonmono=2)
    parameters = gradients(999, 2, torch.float64)
    slots, numbers = rule.init(parameters), Hyperparameters.of([rule, rule], CPU)
    references = [row.clone().requires_grad_() for row in parameters]
    theirs = [torch.optim.SGD([row], lr=0.1, weight_decay=0.01) for row in references]
    since: list[list[torch.Tensor] | None] = [None, None]
    for validation in range(8):
        for step in range(3):
            moves = gradients(validation * 3 + step, 2, torch.float64)
            for row, reference, optimizer, weights in zip(moves, references, theirs, since, strict=True):
                reference.grad = row.clone()
                optimizer.step()
                if weights is not None:
                    weights.append(reference.detach().clone())
            rule.update(parameters, moves, slots, numbers, 1)
        torch.testing.assert_close(parameters, torch.stack(references).detach())
        answers = [row.detach() if not w else torch.stack(w).mean(0) for row, w in zip(references, since, strict=True)]
        torch.testing.assert_close(rule.validated(parameters, slots), torch.stack(answers))
        for member, course in enumerate(courses):
            heard, loss = course[:validation], course[validation]
            if since[member] is None and len(heard) > n and loss > min(heard[:-n]):
                since[member] = []
        rule.heard(slots, torch.tensor([[course[validation]] for course in courses], dtype=torch.float64))
    assert [weights is None for weights in since] == [False, True]


def test_most_rules_answer_with_the_weights_that_they_train() -> None:
    rows = torch.ones(2, 3)
    assert optim.SGD().validated(rows, {}) is rows
