"""The baseline without recurrence: a multi-layer perceptron over a fixed window (Bengio et al. 2003)."""

from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep.cells.base import WindowCell
from rnnsweep.dropout import Dropout
from rnnsweep.types import Count, Rate


class MLPWindow(WindowCell):
    """h_t = MLP([x_{t-window+1}, ..., x_t]), `num_layers` hidden layers of ReLU (Bengio et al. 2003, without skips).

    Parameters: hidden * (window * in + 1), and hidden * (hidden + 1) for each further layer.
    State: (window - 1) * in. Parallel over time.

    Args:
        window: inputs that an output sees, its own included.
        dropout: share of the features dropped between layers during training.
    """

    def __init__(
        self,
        input_size: int,
        /,
        *,
        hidden_size: Count = 256,
        num_layers: Count = 1,
        dropout: Rate = 0.0,
        window: Count = 16,
    ):
        super().__init__(input_size, hidden_size, window)
        layers: list[nn.Module] = [nn.Linear(window * input_size, hidden_size), nn.ReLU()]
        for _ in range(num_layers - 1):
            layers += [Dropout(dropout), nn.Linear(hidden_size, hidden_size), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def read(self, windows: Float[Tensor, "batch time window_in"]) -> Float[Tensor, "batch time hidden"]:
        hidden: Tensor = self.layers(windows)
        return hidden
