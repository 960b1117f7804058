"""The baseline without recurrence: a multi-layer perceptron over a fixed window (Bengio et al. 2003)."""

import dataclasses

from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import WindowCell
from rnnsweep.dropout import Dropout
from rnnsweep.kernels.dense import Linear
from rnnsweep.types import Count, DropoutRate


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class MLPWindow(WindowCell):
    """h_t = MLP([x_{t-window+1}, ..., x_t]), `num_layers` hidden layers of ReLU (Bengio et al. 2003, without skips).

    Parameters: hidden * (window * in + 1), and hidden * (hidden + 1) for each further layer.
    State: (window - 1) * in. Parallel over time.
    """

    num_layers: Count = 1
    """Hidden layers."""
    dropout: DropoutRate = 0.0
    """Share of the features dropped between layers in training."""

    def __post_init__(self) -> None:
        super().__post_init__()
        layers: list[nn.Module] = [Linear(self.window * self.input_size, self.hidden_size), nn.ReLU()]
        for _ in range(self.num_layers - 1):
            layers += [Dropout(self.dropout), Linear(self.hidden_size, self.hidden_size), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def read(self, windows: Float[Tensor, "*batch time window_in"]) -> Float[Tensor, "*batch time hidden"]:
        hidden: Tensor = self.layers(windows)
        return hidden
