"""Made-up sensor series: which of two channels has the first bump?"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

CLASSES = ["first", "second", "together"]
WIDTH = 1.5  # steps from a bump's middle to where it has e^-1/2 of its height


def bumps(
    count: int, longest: int, noise: float, generator: torch.Generator
) -> tuple[Float[Tensor, "{count} {longest} 2"], Int[Tensor, "{count}"], Int[Tensor, "{count}"]]:
    """`count` series of two channels with one bump each, up or down, in noise.

    The places, distance and height of the bumps and the length of a series are random; only their order tells the
    class.

    Returns:
        The series padded by zeros, their lengths, and their classes: the channel whose bump is first, or 2.
    """

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    labels = torch.randint(3, (count,), generator=generator)
    lengths = torch.randint(3 * longest // 4, longest + 1, (count,), generator=generator)
    gap = torch.tensor([1.0, -1.0, 0.0])[labels] * uniform(longest / 10, longest / 3)
    middle = gap.abs() / 2 + (lengths - 1 - gap.abs()) * uniform(0, 1)
    centres = torch.stack([middle - gap / 2, middle + gap / 2], 1)  # (series, channel)
    signs = 2.0 * torch.randint(2, (count, 2), generator=generator) - 1
    steps = torch.arange(longest)
    shapes = torch.exp(-0.5 * ((steps[None, :, None] - centres[:, None]) / WIDTH).square())
    values = (signs * uniform(0.5, 1.5, 2))[:, None] * shapes
    values = values + noise * torch.randn(count, longest, 2, generator=generator)
    return values * (steps < lengths[:, None])[:, :, None], lengths, labels
