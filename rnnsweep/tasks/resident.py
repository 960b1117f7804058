"""Training data on the device that trains."""

import torch
from torch import Tensor


def resident(values: Tensor, device: torch.device) -> Tensor:
    """The values on a device. Rows that are overlapping windows of one series stay windows of one copy of it there."""
    stored = values.untyped_storage().nbytes() // values.element_size()
    if values.numel() <= stored:
        return values.to(device)
    series = values.as_strided((stored,), (1,), 0)
    return series.to(device).as_strided(values.shape, values.stride(), values.storage_offset())
