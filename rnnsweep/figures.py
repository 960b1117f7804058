"""Figures of what a trained model shows: drawn from a record's summary, one file for each kind that it holds."""

import functools
import json
import math
from collections.abc import Callable
from typing import Any

from rnnsweep.lettering import lettered
from rnnsweep.record import RunStore

INK = "#c8553d"


def draw(store: RunStore, summary: dict[str, Any]) -> list[str]:
    """Writes a PNG beside the record for each kind of data that there is a figure for; their names."""
    drawn = []
    for kind, draw_on in KINDS.items():
        if kind in summary:
            with lettered([store.path.name, json.dumps(summary[kind], ensure_ascii=False)]):
                _write(store, kind, functools.partial(draw_on, data=summary[kind]))
            drawn.append(f"{kind}.png")
    return drawn


def _write(store: RunStore, kind: str, draw_on: Callable[[Any], None]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    draw_on(figure.subplots())
    figure.suptitle(store.path.name, fontsize=9)
    store.write(f"{kind}.png", functools.partial(figure.savefig, format="png", dpi=130), synced=False)


def _plain(axes: Any) -> None:
    """A faint grid, and of the frame the two sides that have a scale."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _attention(axes: Any, data: dict[str, Any]) -> None:
    """A row for each symbol written, the end last; a column for each symbol of the source."""
    image = axes.imshow(data["weights"], cmap="magma", vmin=0, vmax=1, aspect="auto")
    axes.figure.colorbar(image, ax=axes, label="weight")
    rows = [*data["target"], "end"]
    axes.set_xticks(range(len(data["source"])), [*data["source"]])
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlabel="source", ylabel="written")


def _by_length(axes: Any, data: list[dict[str, float]]) -> None:
    axes.plot([row["length"] for row in data], [row["exact"] for row in data], color=INK, marker="o", ms=4)
    axes.set(xlabel="length", ylabel="exact", ylim=(-0.03, 1.03))
    _plain(axes)


def _gradient_by_lag(axes: Any, data: list[float]) -> None:
    axes.plot(data, color=INK)
    axes.set(xlabel="steps before the last", ylabel="gradient at the input, lag 0 = 1", yscale="log")
    _plain(axes)


def _loss_by_context(axes: Any, data: list[dict[str, float]]) -> None:
    axes.plot([row["length"] for row in data], [row["loss"] for row in data], color=INK, marker="o", ms=4)
    axes.set_xscale("log", base=2)
    axes.set(xlabel="inputs that an output is computed from", ylabel="validation loss")
    _plain(axes)


def _predictions(axes: Any, data: dict[str, list[float]]) -> None:
    """An answer against each truth; right ones lie on the line."""
    ends = min(data["truth"]), max(data["truth"])
    axes.plot(ends, ends, color="#8a8f98", lw=1)
    if "before" in data:
        axes.scatter(data["truth"], data["before"], s=9, color="#8a8f98", alpha=0.6, label="before training")
    axes.scatter(data["truth"], data["answer"], s=9, color=INK, alpha=0.6, label="after")
    axes.set(xlabel="truth", ylabel="answer")
    axes.legend(frameon=False)
    _plain(axes)


def _forecast(axes: Any, data: dict[str, list[float]]) -> None:
    """The horizon: the truth, and what the model says of it one step ahead and free-running."""
    for name, color, style in (("truth", "#8a8f98", "-"), ("one_step", "#3d6fc8", ":"), ("free", INK, "--")):
        axes.plot(data[name], color=color, ls=style, label=name.replace("_", " "))
    axes.set(xlabel="step beyond the last window", ylabel="value")
    axes.legend(frameon=False)
    _plain(axes)


def _horizon(axes: Any, data: dict[str, Any]) -> None:
    """The last forecast of the test after some of its past: the model's, and in pale colours simple forecasts."""
    truth, times = data["truth"], timeline(data["times"])
    axes.plot(times, truth, color="#8a8f98", lw=2, label="truth")
    for (name, values), style in zip(data["simple"].items(), (":", "-.", "--"), strict=False):
        label = name.replace("_", " ")
        axes.plot(times[-len(values) :], values, color="#3d6fc8", lw=1, alpha=0.7, ls=style, label=label)
    axes.plot(times[-len(data["model"]) :], data["model"], color=INK, label="model")
    axes.set(ylabel=data["name"])
    axes.tick_params(axis="x", rotation=25)
    axes.legend(frameon=False, fontsize=7)
    _plain(axes)


def timeline(times: list[str]) -> Any:
    """Times as an axis has them: dates, where all are, else the numbers of the rows."""
    import numpy as np

    try:
        return np.array(times, "datetime64[s]") if not times[0].isdigit() else np.array(times, float)
    except ValueError:
        return np.arange(len(times))


def _by_step(axes: Any, data: list[dict[str, float]]) -> None:
    """The test's mean squared error at each step of the horizon."""
    steps = [row["step"] for row in data]
    for name in [name for name in data[0] if name != "step"]:
        own = {"color": INK, "lw": 2} if name == "model" else {"lw": 1, "alpha": 0.8}
        axes.plot(steps, [row[name] for row in data], label=name.replace("_", " "), **own)
    axes.set(xlabel="steps ahead", ylabel="mean squared error", ylim=(0, None))
    axes.legend(frameon=False, fontsize=7)
    _plain(axes)


def _roll(axes: Any, data: dict[str, Any]) -> None:
    """Keys over steps: how likely the model held each, and a dot where one sounds."""
    chances = list(zip(*data["chances"], strict=True))
    image = axes.imshow(chances, cmap="Blues", vmin=0, vmax=1, aspect="auto", origin="lower")
    axes.figure.colorbar(image, ax=axes, label="probability that the key sounds")
    places = [(t, key) for t, row in enumerate(data["sounds"]) for key, on in enumerate(row) if on]
    axes.plot([t for t, _ in places], [key for _, key in places], "o", ms=2.5, color=INK)
    axes.set(xlabel="step", ylabel=f"key above {data['lowest']}")


def _forecasts(axes: Any, data: dict[str, list[float]]) -> None:
    """A panel for each of the free-running forecasts made on the way, over the truth."""
    truth, *rest = data.items()
    figure, columns = axes.figure, min(4, math.ceil(len(rest) ** 0.5))
    axes.remove()
    rows = math.ceil(len(rest) / columns)
    figure.set_size_inches(2.8 * columns, 1.8 * rows + 0.4)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat
    low, high = min(truth[1]), max(truth[1])
    for (name, values), panel in zip(rest, panels, strict=False):
        panel.plot(truth[1], color="#8a8f98", lw=2.5)
        panel.plot(values, color=INK, lw=1.2)
        panel.set_title(name, fontsize=7)
        panel.set_ylim(low - 0.3 * (high - low), high + 0.3 * (high - low))
    for panel in [*panels]:  # unused panels
        panel.set_visible(False)
    for panel in figure.axes:
        _plain(panel)


def _confusion(axes: Any, data: dict[str, Any]) -> None:
    """A row for each true class, shares of the row by color, counts as numbers."""
    classes, matrix = data["labels"], data["counts"]
    shares = [[count / (sum(row) or 1) for count in row] for row in matrix]
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.figure.colorbar(image, ax=axes, label="share of the class", shrink=0.8)
    for i, row in enumerate(matrix):
        for j, count in enumerate(row):
            if count:
                color = "white" if shares[i][j] > 0.6 else "black"
                axes.text(j, i, str(count), ha="center", va="center", fontsize=6, color=color)
    axes.set_xticks(range(len(classes)), classes, rotation=60, ha="right", fontsize=7)
    axes.set_yticks(range(len(classes)), classes, fontsize=7)
    axes.set(xlabel="answer", ylabel="class")


KINDS: dict[str, Callable[..., None]] = {
    "attention": _attention,
    "by_length": _by_length,
    "confusion": _confusion,
    "forecast": _forecast,
    "by_step": _by_step,
    "gradient_by_lag": _gradient_by_lag,
    "horizon": _horizon,
    "loss_by_context": _loss_by_context,
    "forecasts": _forecasts,
    "predictions": _predictions,
    "roll": _roll,
}
