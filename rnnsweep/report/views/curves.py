"""Learning curves of each level's best setting: mean and band over seeds, with the number of runs below."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rnnsweep.report import stats
from rnnsweep.report.draw import axis_label, color, cut, legend, log_if_wide, marker, stacked
from rnnsweep.report.pairs import FEW
from rnnsweep.report.subject import Subject


def data(of: Subject) -> pd.DataFrame:
    """A row for each level and step: the mean over seeds with its interval."""
    rows = []
    for level, entry in of.best():
        logged = of.rows(entry.rows, "val", of.metric.name.removeprefix("val/"))
        setting = of.runs.settings.describe(entry.setting)
        for step, values in logged.groupby("step")["value"]:
            found = stats.t_interval(values.to_numpy(), least=FEW)
            interval = {"mean": found.mean, "low": found.low, "high": found.high, "n": found.n}
            rows.append({"level": level, "setting": setting, "step": step, **interval})
    return pd.DataFrame(rows)


def title(of: Subject) -> str:
    return "Learning curves"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    assert of.factor is not None
    return (
        f"For each level of {of.factor.key}: the setting that is best {of.metric.where}, as the mean over its seeds, "
        "with a 95% t band from three seeds on. Below: the number of runs behind each point; a diverged run counts "
        f"until it diverges.{cut(frame['mean'], frame[['low', 'high']])}"
    )


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """The metric at the top, the number of runs at the bottom."""
    figure, (top, bottom) = stacked(5.8, (3.0, 0.9))
    for index, (level, _) in enumerate(of.best()):
        part = frame[frame["level"] == level]
        if part.empty:
            continue
        style: Any = {"color": color(index), "marker": marker(index), "markersize": 3, "label": of.label(level)}
        top.plot(part["step"], part["mean"], **style)
        known = part[part["low"].notna()]
        if len(known):
            top.fill_between(known["step"], known["low"], known["high"], color=color(index), alpha=0.18, linewidth=0)
        bottom.step(part["step"], part["n"], where="post", color=color(index))
    log_if_wide(top, frame["mean"], frame[["low", "high"]])
    top.set(ylabel=axis_label(of.metric.name, of.metric.unit))
    legend(figure, top)
    bottom.set(xlabel="step", ylabel="runs n(t)", ylim=(0, None))
    bottom.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    return figure
