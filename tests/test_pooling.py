"""Laws that every pooling in conf/pooling obeys, and NumPy twins of those that ship."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from conftest import Compose, choices
from torch import Tensor
from torch.func import functional_call, vmap

from rnnsweep import run
from rnnsweep.pooling import AbstractPooling, mask

LENGTHS = torch.tensor([1, 4, 6, 0])
HIDDEN = 5


@pytest.fixture(scope="module")
def makers(composed: Compose) -> dict[str, Callable[[int], AbstractPooling]]:
    """By the name of its YAML: from the number of features to a pooling."""
    made = {}
    for name in choices("pooling"):
        config, classes = run.validated(composed(f"pooling={name}"))
        options = run.settings(config, "pooling")
        made[name] = lambda size, cls=classes["pooling"], options=options: cls(size, **options)
    return made


@pytest.fixture(params=choices("pooling"))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pooling(name: str, makers: dict[str, Callable[[int], AbstractPooling]]) -> AbstractPooling:
    torch.manual_seed(0)
    return makers[name](HIDDEN)


@pytest.fixture
def outputs() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(4, 6, HIDDEN)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_precision(dtype: torch.dtype, pooling: AbstractPooling, outputs: Tensor) -> None:
    pooled = pooling.to(dtype)(outputs.to(dtype), LENGTHS)
    assert (pooled.shape, pooled.dtype) == ((4, HIDDEN), dtype)


@pytest.mark.parametrize("padding", [1e6, torch.nan, torch.inf, -torch.inf])
def test_padded_steps_never_count(padding: float, pooling: AbstractPooling, outputs: Tensor) -> None:
    """Neither in what is pooled nor in the gradients, bit for bit; a sequence without any step gives zeros."""
    exists = mask(LENGTHS, 6)[:, :, None]
    results = []
    for padded in (outputs, torch.where(exists, outputs, padding)):
        h = padded.clone().requires_grad_()
        pooled = pooling(h, LENGTHS)
        results.append((pooled, *torch.autograd.grad(pooled.sin().sum(), [h, *pooling.parameters()])))
    for clean, padded in zip(*results, strict=True):
        assert padded.isfinite().all()
        assert torch.equal(clean, padded)
    assert not results[1][0][3].any()
    assert not results[1][1].masked_select(~exists).any()


def test_a_sequence_is_pooled_as_it_is_alone_and_without_padding(pooling: AbstractPooling, outputs: Tensor) -> None:
    together = pooling(outputs, LENGTHS)
    for row, length in enumerate(LENGTHS[:3]):
        alone = pooling(outputs[row : row + 1, :length], length[None])
        torch.testing.assert_close(alone, together[row : row + 1])


def test_every_existing_step_is_a_number_that_is_read(pooling: AbstractPooling, outputs: Tensor) -> None:
    """A sequence of one step gives more than zeros: no pooling forgets what is there."""
    assert pooling(outputs, LENGTHS)[0].any()


def test_gradients(pooling: AbstractPooling, outputs: Tensor) -> None:
    pooling = pooling.double()
    names = [name for name, _ in pooling.named_parameters()]

    def pooled(h: Tensor, *parameters: Tensor) -> Tensor:
        made: Tensor = functional_call(pooling, dict(zip(names, parameters, strict=True)), (h, LENGTHS))
        return made

    assert torch.autograd.gradcheck(pooled, (outputs.double().requires_grad_(), *pooling.parameters()))


def test_a_stack_pools_each_member_as_it_does_alone(
    name: str, makers: dict[str, Callable[[int], AbstractPooling]], outputs: Tensor
) -> None:
    members = [makers[name](HIDDEN) for _ in range(3)]
    parameters = {
        key: torch.stack([dict(m.named_parameters())[key] for m in members]) for key in members[0].state_dict()
    }
    inputs = torch.stack([outputs, outputs.flip(0), -outputs])
    stacked = vmap(lambda own, h: functional_call(members[0], own, (h, LENGTHS)))(parameters, inputs)
    for member, h, pooled in zip(members, inputs, stacked, strict=True):
        torch.testing.assert_close(pooled, member(h, LENGTHS))


def attention(h: np.ndarray, pooling: AbstractPooling) -> np.ndarray:
    """Softmax of q · tanh(W h + b) over the steps."""
    weight, bias, query = (pooling.state_dict()[key].numpy() for key in ("project.weight", "project.bias", "query"))
    scores = np.tanh(h @ weight.T + bias) @ query
    weights = np.exp(scores - scores.max())
    return weights / weights.sum() @ h


TWINS: dict[str, Callable[[np.ndarray, AbstractPooling], np.ndarray]] = {
    "last": lambda h, _: h[-1],
    "mean": lambda h, _: h.mean(0),
    "max": lambda h, _: h.max(0),
    "attention": attention,
}


def test_against_numpy(name: str, pooling: AbstractPooling, outputs: Tensor) -> None:
    if name not in TWINS:
        pytest.skip(f"TWINS has no {name}")
    pooling = pooling.double()
    pooled = pooling(outputs.double(), LENGTHS).detach().numpy()
    for row, length in enumerate(LENGTHS[:3]):
        wanted = TWINS[name](outputs[row, :length].double().numpy(), pooling)
        np.testing.assert_allclose(pooled[row], wanted, rtol=1e-12)
