"""What symbols become before a cell reads them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.dropout import Dropout


class TokenEmbedding(nn.Module):
    """`symbols` vectors of `size` features; training drops the share `dropout` of the embedded features."""

    def __init__(self, symbols: int, size: int, dropout: float = 0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(symbols, size))
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time in"]:
        embedded: Tensor = self.dropout(F.embedding(tokens, self.weight))
        return embedded
