"""One call of a cell: what it reads."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnnsweep.types import Batch, State

Call = tuple[Float[Tensor, "batch time in"], State]
"""The arguments of one call of a cell."""


def lengths_of(batch: Batch, time: int) -> Int[Tensor, "batch"]:
    """Steps of each sequence that the cell reads, without padding."""
    inputs = batch["inputs"]
    if "source_lengths" in batch:  # the batch of an encoder-decoder
        return batch["source_lengths"]
    return batch.get("lengths", torch.full(inputs.shape[:1], time, device=inputs.device))
