"""One nearest neighbour: the class of the training series at the smallest Euclidean distance."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

CHUNK = 256  # series that are compared at a time: a matter of memory


def nearest(
    known: Float[Tensor, "known longest channel"], asked: Float[Tensor, "asked time channel"]
) -> Int[Tensor, "asked"]:
    """For each series of `asked`, the index of the nearest one of `known`; the first, where several are equally near.

    All are padded to one length; the distance is that of the padded series.
    """
    rows, width = known.flatten(1).double(), known.shape[1]
    squares, found = rows.square().sum(1), []
    for start in range(0, len(asked), CHUNK):
        part = asked[start : start + CHUNK]
        cut = torch.zeros(len(part), *known.shape[1:], dtype=torch.float64)
        cut[:, : part.shape[1]] = part[:, :width]
        # what lies beyond the known ones' width adds the same to every distance
        found.append((squares - 2 * cut.flatten(1) @ rows.T).argmin(1))
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.int64)
