"""Heads: from the features of a step to scores over symbols."""

import itertools

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.kernels.chunked import SCORES, total_cross_entropy
from rnnsweep.kernels.dense import Linear, linear
from rnnsweep.kernels.members import over_members
from rnnsweep.models.embedding import TokenEmbedding


class ScoreHead(Linear):
    """A linear map to scores."""

    def total_loss(
        self, h: Float[Tensor, "*batch hidden"], targets: Int[Tensor, "*batch"], *_: Tensor
    ) -> Float[Tensor, "*member"]:
        """The sum of the cross-entropies of all places, in nats; not all scores are in memory at a time."""
        return total_cross_entropy(h, self.weight, self.bias, targets)


class TiedHead(nn.Module):
    """Scores against the vectors of the embedding (Press and Wolf 2017; Inan et al. 2017).

    Where the cell has another size than the embedding, a linear map without bias stands between.

    Args:
        hidden_size: features of the cell's output.
        embedding: its weights start smaller, so that the first scores are of the order of 1.
    """

    def __init__(self, hidden_size: int, embedding: TokenEmbedding):
        super().__init__()
        symbols, size = embedding.weight.shape
        nn.init.normal_(embedding.weight, std=size**-0.5)  # so that the first scores are of the order of 1
        self.project = nn.Identity() if hidden_size == size else Linear(hidden_size, size, bias=False)
        self.bias = nn.Parameter(torch.zeros(symbols))

    def forward(
        self, h: Float[Tensor, "*batch hidden"], vectors: Float[Tensor, "*member vocab in"]
    ) -> Float[Tensor, "*batch vocab"]:
        return linear(self.project(h), vectors, self.bias)

    def total_loss(
        self,
        h: Float[Tensor, "*batch hidden"],
        targets: Int[Tensor, "*batch"],
        vectors: Float[Tensor, "*member vocab in"],
    ) -> Float[Tensor, "*member"]:
        """The sum of the cross-entropies of all places, in nats."""
        return total_cross_entropy(self.project(h), vectors, self.bias, targets)


class AdaptiveHead(nn.Module):
    """The adaptive softmax of Grave et al. (2017): nn.AdaptiveLogSoftmaxWithLoss without the head's bias.

    The symbols are numbered by frequency, the most frequent first. The first part of them is scored together with a
    symbol for each other part; the symbols of part k are scored from hidden_size / 4^k features.

    Args:
        hidden_size: features of the cell's output.
        symbols: how many there are.
        cutoffs: where the parts begin.
    """

    def __init__(self, hidden_size: int, symbols: int, cutoffs: list[int]):
        super().__init__()
        self.edges = [*cutoffs, symbols]
        widths = [max(1, hidden_size // 4**part) for part in range(1, len(self.edges))]
        bound = hidden_size**-0.5
        self.first = nn.Parameter(torch.empty(cutoffs[0] + len(widths), hidden_size).uniform_(-bound, bound))
        self.narrow = nn.ParameterList(torch.empty(width, hidden_size).uniform_(-bound, bound) for width in widths)
        self.rare = nn.ParameterList(
            torch.empty(end - start, width).uniform_(-(width**-0.5), width**-0.5)
            for (start, end), width in zip(itertools.pairwise(self.edges), widths, strict=True)
        )

    def forward(self, h: Float[Tensor, "*batch hidden"]) -> Float[Tensor, "*batch vocab"]:
        """The logarithm of each symbol's probability."""
        logs = linear(h, self.first, None).log_softmax(-1)
        parts = [logs[..., : self.edges[0]]]
        for part, (narrow, rare) in enumerate(zip(self.narrow, self.rare, strict=True)):
            inside = linear(linear(h, narrow, None), rare, None).log_softmax(-1)
            parts.append(inside + logs[..., self.edges[0] + part, None])
        return torch.cat(parts, -1)

    def total_loss(
        self, h: Float[Tensor, "*batch hidden"], targets: Int[Tensor, "*batch"], *_: Tensor
    ) -> Float[Tensor, "*member"]:
        """The sum of the cross-entropies of all places, in nats. A rare part is scored only where a target is in it."""
        return over_members(self._totals, h, targets, self.first, *self.narrow, *self.rare)[0]

    def _totals(self, h: Tensor, targets: Tensor, first: Tensor, *others: Tensor) -> tuple[Tensor]:
        """Of each member, one after the other: which rows are in a part differs between them."""
        members = zip(h.flatten(1, -2), targets.flatten(1), first, *others, strict=True)
        return (torch.stack([self._total(*member) for member in members]),)

    def _total(self, h: Tensor, targets: Tensor, first: Tensor, *others: Tensor) -> Tensor:
        size, parts = max(1, SCORES // len(first)), len(self.narrow)
        total = h.new_zeros(())
        for x, wanted in zip(h.split(size), targets.split(size), strict=True):
            place = torch.bucketize(wanted, torch.tensor(self.edges[:-1], device=h.device), right=True)
            among = torch.where(place > 0, self.edges[0] + place - 1, wanted)
            total = total + F.cross_entropy(F.linear(x, first), among, reduction="sum")
            for part in range(parts):
                own = place == part + 1
                scores = F.linear(F.linear(x[own], others[part]), others[parts + part])
                total = total + F.cross_entropy(scores, wanted[own] - self.edges[part], reduction="sum")
        return total
