"""An LSTM in NumPy alone, from the gates to Adam, to be read from top to bottom; it learns a noisy sine.

    python -m rnnsweep.numpy_lstm [--hidden 32] [--epochs 20] [--noise 0.05] ... [--output result.json]

`forward` and `backward` are the layer of `cell=lstm_numpy`, too (rnnsweep/cells/lstm_numpy.py joins them to torch).
Arrays: x (batch, time, in), h and c (batch, hidden); W (4 hidden, in), U (4 hidden, hidden), b (4 hidden,), each four
blocks of rows for the gates i, f, g, o, as in nn.LSTM.
"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnsweep.terminal import Arguments, between, command

Array = NDArray[np.floating[Any]]
Past = list[tuple[Array, ...]]
"""For each step what the way back needs: h and c before it, its gates i, f, g, o, and tanh(c) after it."""

# The layer ---------------------------------------------------------------------------------------------------------


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), in a form that cannot overflow."""
    y: Array = 0.5 * np.tanh(0.5 * x) + 0.5
    return y


def forward(W: Array, U: Array, b: Array, x: Array, h: Array, c: Array) -> tuple[Array, Array, Array, Past]:
    """The outputs at all steps (batch, time, hidden), h and c after the last, and the past."""
    batch, time, features = x.shape
    projected = x.swapaxes(0, 1).reshape(time * batch, features) @ W.T + b  # all steps' inputs in one product
    outputs: Array = np.empty((batch, time, h.shape[1]), x.dtype)
    past = Past()
    for t in range(time):
        before = projected[t * batch : (t + 1) * batch] + h @ U.T
        parts: list[Array] = np.split(before, 4, axis=1)
        i, f, g, o = sigmoid(parts[0]), sigmoid(parts[1]), np.tanh(parts[2]), sigmoid(parts[3])
        after = f * c + i * g
        squashed = np.tanh(after)
        past.append((h, c, i, f, g, o, squashed))
        h, c = o * squashed, after
        outputs[:, t] = h
    return outputs, h, c, past


def backward(
    W: Array, U: Array, x: Array, past: Past, dy: Array, dh: Array, dc: Array
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """Backpropagation through time: from the gradients of what `forward` returns, those of its arguments.

    dy (batch, time, hidden) reaches the outputs, dh and dc the last state. Returns dW, dU, db, dx, dh, dc.
    """
    batch, time, features = x.shape
    d_before = np.empty((time * batch, len(W)), x.dtype)
    for t in reversed(range(time)):
        _, c, i, f, g, o, squashed = past[t]
        dh = dh + dy[:, t]
        dc = dc + dh * o * (1 - squashed * squashed)  # h = o tanh(c)
        di, df, dg, do = dc * g, dc * c, dc * i, dh * squashed  # c = f c + i g
        through = (di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o))
        rows = d_before[t * batch : (t + 1) * batch]
        np.concatenate(through, axis=1, out=rows)
        dh, dc = rows @ U, dc * f  # what reaches the step before
    # the weights are the same at all steps: one product over all of them instead of a sum of products
    hidden_before = np.concatenate([step[0] for step in past])
    inputs = x.swapaxes(0, 1).reshape(time * batch, features)
    dx = (d_before @ W).reshape(time, batch, features).swapaxes(0, 1)
    return d_before.T @ inputs, d_before.T @ hidden_before, d_before.sum(0), dx, dh, dc


# The model: the layer, and a linear map from its last output to one number -------------------------------------------

Weights = dict[str, Array]


def initial(hidden: int, rng: np.random.Generator) -> Weights:
    """Uniform in ±1/sqrt(hidden); the forget gate starts open, with bias 1."""

    def draw(*shape: int) -> Array:
        return rng.uniform(-(hidden**-0.5), hidden**-0.5, shape)

    weights = {"W": draw(4 * hidden, 1), "U": draw(4 * hidden, hidden), "b": draw(4 * hidden)}
    weights["b"][hidden : 2 * hidden] = 1.0
    return weights | {"head": draw(hidden), "bias": np.zeros(1)}


def predict(weights: Weights, x: Array) -> tuple[Array, Array, Past]:
    """The next value after each window (batch, time, 1): (batch,); with the last output and the past."""
    zeros = np.zeros((len(x), len(weights["head"])))
    _, h, _, past = forward(weights["W"], weights["U"], weights["b"], x, zeros, zeros)
    return h @ weights["head"] + weights["bias"], h, past


def loss_and_gradients(weights: Weights, x: Array, targets: Array) -> tuple[float, Weights]:
    """The mean squared error of the predictions, and its gradient for each weight."""
    answers, h, past = predict(weights, x)
    error = answers - targets
    d_answers = 2 * error / len(error)
    dh = d_answers[:, None] * weights["head"]
    nothing = np.zeros((len(x), x.shape[1], h.shape[1]))  # only the last output is read
    dW, dU, db, *_ = backward(weights["W"], weights["U"], x, past, nothing, dh, np.zeros_like(h))
    gradients = {"W": dW, "U": dU, "b": db, "head": d_answers @ h, "bias": d_answers.sum(keepdims=True)}
    return float(np.mean(error**2)), gradients


class Adam:
    """Kingma and Ba 2015, algorithm 1."""

    def __init__(self, weights: Weights, lr: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8):
        self.lr, self.beta1, self.beta2, self.eps, self.step = lr, beta1, beta2, eps, 0
        self.mean = {name: np.zeros_like(weight) for name, weight in weights.items()}
        self.square = {name: np.zeros_like(weight) for name, weight in weights.items()}

    def update(self, weights: Weights, gradients: Weights) -> None:
        """One step, in place."""
        self.step += 1
        for name, gradient in gradients.items():
            self.mean[name] += (1 - self.beta1) * (gradient - self.mean[name])
            self.square[name] += (1 - self.beta2) * (gradient**2 - self.square[name])
            mean = self.mean[name] / (1 - self.beta1**self.step)
            square = self.square[name] / (1 - self.beta2**self.step)
            weights[name] -= self.lr * mean / (np.sqrt(square) + self.eps)


# The noisy sine ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Settings:
    hidden: int = 32
    epochs: int = 20
    lr: float = 0.005
    batch: int = 32
    train: int = 2000
    """Windows to learn from."""
    test: int = 500
    """Windows after them, to test on."""
    length: int = 20
    """Values in a window."""
    period: float = 37.699112
    """Points in a period: 12 π, so that no window comes twice."""
    noise: float = 0.05
    """Standard deviation of the noise on each point."""
    seed: int = 0


def windows(settings: Settings, rng: np.random.Generator) -> tuple[Array, Array]:
    """All windows of one noisy sine (window, time, 1) in its order, and the value after each (window,)."""
    points = settings.train + settings.test + settings.length
    clean = np.sin(2 * np.pi * (np.arange(points) / settings.period + rng.random()))
    series = clean + settings.noise * rng.standard_normal(points)
    cut = np.lib.stride_tricks.sliding_window_view(series, settings.length + 1)
    return cut[:, :-1, None], cut[:, -1]


def train(settings: Settings) -> dict[str, Any]:
    """Learns, and says how well: mean squared errors, with those of two forecasts that learn nothing."""
    rng = np.random.default_rng(settings.seed)
    x, targets = windows(settings, rng)
    weights = initial(settings.hidden, rng)
    adam, losses = Adam(weights, settings.lr), []
    for epoch in range(settings.epochs):
        order, total = rng.permutation(settings.train), 0.0
        for start in range(0, settings.train, settings.batch):
            rows = order[start : start + settings.batch]
            loss, gradients = loss_and_gradients(weights, x[rows], targets[rows])
            adam.update(weights, gradients)
            total += loss * len(rows)
        losses.append(total / settings.train)
        print(f"epoch {epoch + 1:3d}  loss {losses[-1]:.5f}", file=sys.stderr)
    later, truth = x[settings.train :], targets[settings.train :]
    return {
        "settings": dataclasses.asdict(settings),
        "epochs": losses,
        "train_loss": float(np.mean((predict(weights, x[: settings.train])[0] - targets[: settings.train]) ** 2)),
        "test_loss": float(np.mean((predict(weights, later)[0] - truth) ** 2)),
        "test_loss_of_the_last_value": float(np.mean((later[:, -1, 0] - truth) ** 2)),
        "test_loss_of_the_mean": float(np.mean((targets[: settings.train].mean() - truth) ** 2)),
        "noise": settings.noise**2,
    }


@command("rnnsweep.numpy_lstm")
def main() -> None:
    parser = Arguments(prog="python -m rnnsweep.numpy_lstm", description=__doc__.split("\n")[0])
    for name, default in dataclasses.asdict(Settings()).items():
        least = 0 if name in ("epochs", "noise", "seed") else 1 if isinstance(default, int) else 1e-9
        parser.add_argument(f"--{name}", type=between(type(default), least), default=default)
    parser.add_argument("--output", type=Path, help="write the result there, as JSON")
    arguments = vars(parser.parse_args())
    output = arguments.pop("output")
    if output and not output.parent.is_dir():
        parser.error(f"argument --output: there is no directory {output.parent}")
    text = json.dumps(train(Settings(**arguments)), indent=2)
    output.write_text(text + "\n", encoding="utf-8") if output else print(text)


if __name__ == "__main__":
    main()
