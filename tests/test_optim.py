"""Every optimizer equals torch.optim's, row by row."""

import pytest
import torch

from rnnsweep import optim
from rnnsweep.optim import AbstractOptimizer, Numbers, clip_

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
    numbers, slots = Numbers(members, CPU), members[0].init(parameters)
    for step in range(1, 31):
        moves = gradients(step, 3, dtype)
        for row, reference, optimizer in zip(moves, references, torches, strict=True):
            reference.grad = row.clone()
            optimizer.step()
        members[0].update(parameters, moves, slots, numbers, step)
        torch.testing.assert_close(parameters, torch.stack(references).detach(), atol=tolerance, rtol=tolerance)


def test_the_schedule_scales_the_rate() -> None:
    one, other = torch.ones(1, 3), torch.ones(1, 3)
    for parameters, lr, scale in ((one, 0.5, 0.2), (other, 0.1, 1.0)):
        sgd = optim.SGD(lr=lr)
        numbers = Numbers([sgd], CPU)
        numbers.scale = scale
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
    adam.update(parameters, rows, adam.init(parameters), Numbers([adam, adam], CPU), 1)
    assert torch.isfinite(parameters[1]).all()
    assert not torch.isfinite(parameters[0]).all()
