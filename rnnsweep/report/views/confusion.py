"""A confusion matrix, with true classes in rows, as shares of each row."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import canvas
from rnnsweep.report.subject import Subject
from rnnsweep.report.table import oneline

WRITTEN = 20  # most classes for which the shares are written into the cells


def data(of: Subject) -> pd.DataFrame:
    """The counts: a row for each true class, a column for each predicted class, and the true class in `true`."""
    found = of.summary.get("confusion")
    if found is None:
        return pd.DataFrame()
    counts = found["counts"] if isinstance(found, dict) else found
    given = found["labels"] if isinstance(found, dict) else of.summary.get("labels") or of.summary.get("classes")
    labels = [oneline(str(label)) for label in given or range(len(counts))]
    return pd.DataFrame(np.array(counts, float), columns=labels).assign(true=labels)


def title(of: Subject) -> str:
    return "Confusion"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    return f"Percent of each true class, from the selected setting's best seed ({of.run})."


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A coloured matrix, with numbers if there is room."""
    labels, counts = list(frame["true"]), frame.iloc[:, :-1].to_numpy(float)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 1.4 + 0.32 * len(labels)
    figure, (axes,) = canvas(1, side + 0.6, side)
    image = axes.imshow(shares, cmap="YlGnBu", vmin=0, vmax=1)
    figure.colorbar(image, label="share of the true class", fraction=0.046)
    for a, b in np.ndindex(shares.shape if len(labels) <= WRITTEN else (0, 0)):
        if shares[a, b] >= 0.005:
            shade = "#ffffff" if shares[a, b] > 0.55 else "#111111"
            style: Any = {"ha": "center", "va": "center", "fontsize": 7, "color": shade}
            axes.annotate(f"{100 * shares[a, b]:.0f}", (b, a), **style)
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="true")
    axes.grid(visible=False)
    return figure
