"""The attention weights of a decoder: a row for each symbol that it writes, a column for each symbol of the source."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rnnsweep.report.draw import canvas
from rnnsweep.report.subject import Subject


def data(of: Subject) -> pd.DataFrame:
    """The weights: a row for each written symbol, which `written` names, and a column for each place of the source."""
    found = of.summary.get("attention")
    if found is None:
        return pd.DataFrame()
    columns = [f"{place}:{symbol}" for place, symbol in enumerate(found["source"])]
    return pd.DataFrame(np.array(found["weights"], float), columns=columns).assign(written=[*found["target"], "end"])


def title(of: Subject) -> str:
    return "Attention"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    return f"Attention weights over the longest test source, from the selected setting's best seed ({of.run})."


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A coloured matrix."""
    weights = frame.iloc[:, :-1].to_numpy(float)
    figure, (axes,) = canvas(1, 1.6 + 0.24 * weights.shape[1], 1.2 + 0.22 * weights.shape[0])
    image = axes.imshow(weights, cmap="YlGnBu", vmin=0, vmax=1, aspect="auto")
    figure.colorbar(image, label="attention weight")
    axes.set_xticks(range(weights.shape[1]), [name.partition(":")[2] for name in frame.columns[:-1]])
    axes.set_yticks(range(len(frame)), list(frame["written"]))
    axes.set(xlabel="source", ylabel="written")
    axes.grid(visible=False)
    return figure
