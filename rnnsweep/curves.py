"""curves.png: loss, perplexity and gradient norm of one run, drawn from its rows."""

from typing import Any

from rnnsweep.lettering import lettered
from rnnsweep.record import RunStore

PANELS = (("loss", "loss (nats)"), ("ppl", "perplexity"), ("accuracy", "accuracy"), ("grad_norm", "gradient norm"))
COLORS = {"train": "#8a8f98", "val": "#c8553d"}


def draw(store: RunStore) -> None:
    """Writes curves.png beside the rows; a panel for each of PANELS that the run has."""
    rows = [row for row in store.rows() if row.get("split") in COLORS]
    panels = [panel for panel in PANELS if any(row.get(panel[0]) is not None for row in rows)]
    if panels:
        with lettered([store.path.name]):
            _draw(store, rows, panels)


def _draw(store: RunStore, rows: list[dict[str, Any]], panels: list[tuple[str, str]]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator

    figure = Figure(figsize=(4.2 * len(panels), 3.2), layout="constrained")
    for axes, (name, label) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for split, color in COLORS.items():
            _line(axes, [row for row in rows if row["split"] == split], name, split, color)
        axes.set(xlabel="step", ylabel=label, yscale="log" if name in ("ppl", "grad_norm") else "linear")
        if axes.get_yscale() == "log":
            for formatted in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
                formatted(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    figure.suptitle(store.path.name, fontsize=10)
    FigureCanvasAgg(figure)
    store.write("curves.png", lambda file: figure.savefig(file, format="png", dpi=130), synced=False)


def _line(axes: Any, rows: list[dict[str, Any]], name: str, split: str, color: str) -> None:
    points = [(row["step"], row[name]) for row in rows if row.get(name) is not None]
    if points:
        axes.plot(*zip(*points, strict=True), color=color, label=split, marker="o" if split == "val" else None, ms=3)
