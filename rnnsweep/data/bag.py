"""A classifier that sees which symbols a sequence has and how often, but not their order."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

RIDGE = 1e-3  # times the weights' squares, beside the mean loss


class BagOfSymbols:
    """Softmax regression over the counts of the symbols, fitted to its optimum by L-BFGS.

    Args:
        rows, lengths: padded sequences of symbols.
        labels: the class of each.
        symbols, classes: how many there are of both.
    """

    def __init__(
        self,
        rows: Int[Tensor, "example time"],
        lengths: Int[Tensor, "example"],
        labels: Int[Tensor, "example"],
        symbols: int,
        classes: int,
    ):
        self.weights = torch.zeros(symbols, classes, requires_grad=True)
        self.bias = torch.zeros(classes, requires_grad=True)
        solver = torch.optim.LBFGS([self.weights, self.bias], max_iter=200)

        def closure() -> Tensor:
            solver.zero_grad()
            loss = F.cross_entropy(self.scores(rows, lengths), labels) + RIDGE * self.weights.square().sum()
            loss.backward()
            return loss

        with torch.enable_grad():
            solver.step(closure)

    def scores(
        self, rows: Int[Tensor, "example time"], lengths: Int[Tensor, "example"]
    ) -> Float[Tensor, "example classes"]:
        exists = torch.arange(rows.shape[1]) < lengths[:, None]
        return F.embedding(rows, self.weights).where(exists[:, :, None], 0.0).sum(1) + self.bias

    @torch.no_grad()
    def accuracy(
        self, rows: Int[Tensor, "example time"], lengths: Int[Tensor, "example"], labels: Int[Tensor, "example"]
    ) -> float:
        return (self.scores(rows, lengths).argmax(1) == labels).double().mean().item()
