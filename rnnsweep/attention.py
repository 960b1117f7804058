"""Attention: the decoder's weights over the outputs of the encoder."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from rnnsweep.errors import ConfigError
from rnnsweep.kernels.dense import Linear

AttentionKind = Literal["none", "bahdanau", "luong_dot", "luong_general", "luong_concat"]


class DecoderAttention(nn.Module):
    """The softmax, over the steps of the source, of a score between a query and a key (the encoder's output).

        dot      q · k                    (Luong et al. 2015, eq. 7; query and key of one size)
        general  q · W k                  (eq. 7)
        concat   v · tanh(W [q; k])       (eq. 7, and Bahdanau et al. 2015, appendix A.1.2)

    The query of Bahdanau's decoder is its output of the step before, so that it can read the context beside the symbol
    (`before`). The query of Luong's decoder is its new output.

    Args:
        kind: which of these scores.
        query: features of a query.
        key: features of a key.
        size: features within `concat`.
    """

    def __init__(self, kind: AttentionKind, query: int, key: int, size: int):
        super().__init__()
        if kind == "luong_dot" and query != key:
            problem = f"a dot product needs vectors of one size, and the encoder's outputs have {key} features, the"
            problem = f"{problem} decoder's {query}; use luong_general, or cell.bidirectional=false"
            raise ConfigError("task.attention", problem, ("cell.bidirectional",))
        self.before = kind == "bahdanau"
        self.general = Linear(key, query, bias=False) if kind == "luong_general" else None
        additive = kind in ("bahdanau", "luong_concat")
        self.query = Linear(query, size, bias=False) if additive else None
        self.key = Linear(key, size) if additive else None
        self.score = Linear(size, 1, bias=False) if additive else None

    def forward(
        self,
        queries: Float[Tensor, "*batch time query"],
        keys: Float[Tensor, "*batch source key"],
        exists: Bool[Tensor, "*batch source"],
    ) -> tuple[Float[Tensor, "*batch time key"], Float[Tensor, "*batch time source"]]:
        """Attends.

        Args:
            queries: what is asked for.
            keys: the encoder's outputs.
            exists: which of its steps are not padding.

        Returns:
            The weighted means of the keys, and the weights.
        """
        keys = torch.where(exists[..., None], keys, 0.0)  # a weight of 0 times a number that is not finite is NaN
        scores = torch.where(exists[..., None, :], self._scores(queries, keys), -torch.inf)
        weights = scores.softmax(-1)
        return weights @ keys, weights

    def _scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        if self.query is None or self.key is None or self.score is None:
            return queries @ (keys if self.general is None else self.general(keys)).mT
        mixed = torch.tanh(
            self.query(queries).unsqueeze(-2) + self.key(keys).unsqueeze(-3)
        )  # (batch, time, source, size)
        scores: Tensor = self.score(mixed)
        return scores.squeeze(-1)
