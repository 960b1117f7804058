"""A metric over the levels of a factor: thin lines or small dots for settings, thick or large for their mean."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnnsweep.report import stats
from rnnsweep.report.draw import (
    COLORS,
    INK,
    axis_label,
    canvas,
    color,
    cut,
    legend,
    log_if_wide,
    marker,
    numeric_axis,
    rail,
    shortened,
)
from rnnsweep.report.factor import Factor
from rnnsweep.report.metric_column import in_words
from rnnsweep.report.pairs import FEW
from rnnsweep.report.setting_labels import level_name, short_name
from rnnsweep.report.subject import Subject

ROW = 36  # most characters of all names in a row below a panel
THREADS = 60  # most settings that are drawn as thin lines
COLUMNS = ["metric", "setting", "seed", "hue", "level", "value", "diverged"]


def data(of: Subject) -> pd.DataFrame:
    """A row for each metric and run that has a value, and a row without a value for each diverged run."""
    tables = []
    for index, metric in enumerate(of.metrics):
        frame = _runs(of, metric)
        tables.append(frame[np.isfinite(frame["value"])])
        if index == 0:
            tables.append(frame[frame["diverged"]].assign(value=math.nan))
    found = pd.concat(tables)
    found["level"] = [_factor(of).levels[code] for code in found["level"]]
    found["hue"] = [of.arms.levels[code] if of.arms else "" for code in found["hue"]]
    return found[COLUMNS]


def title(of: Subject) -> str:
    return f"{in_words(of.metrics[0])} over {_factor(of).label}"


def caption(frame: pd.DataFrame, of: Subject) -> str:
    most = f" (at most {THREADS} drawn)" if frame["setting"].nunique() > THREADS else ""
    thin, thick = ("Thin lines", "Thick lines") if _factor(of).numbers else ("Small dots", "Large dots")
    parts = [part for _, part in frame[frame["value"].notna()].groupby(["metric", "hue"], sort=False)]
    intervals = [interval for part in parts for interval in _intervals(part, _whole(part))]
    said = f"{thin}: settings, each as its mean over seeds{most}. {thick}: the mean over the settings that have every "
    said += "level shown" + (", with its 95% t interval over seeds." if any(i.known for i in intervals) else ".")
    if any(len(_whole(part)) >= FEW for part in parts):
        said += " For intervals, see the differences below."
    if frame["diverged"].any():
        said += " Crosses above the panel: diverged runs, of all runs that ended."
    return said + next(filter(None, (cut(*_drawn(of, frame, metric)) for metric in of.metrics)), "")


def draw(frame: pd.DataFrame, of: Subject) -> Figure:
    """A panel for each metric."""
    figure, panels = canvas(len(of.metrics), height=4.0 if _crowded(_factor(of)) else 3.1)
    place = _places(_factor(of))
    for axes, metric in zip(panels, of.metrics, strict=True):
        _ticks(axes, _factor(of), place)
        done = frame[(frame["metric"] == metric) & frame["value"].notna()]
        codes = done.assign(level=[_factor(of).levels.index(level) for level in done["level"]])
        hues = {level: code for code, level in enumerate(of.arms.levels if of.arms else [""])}
        for level in sorted(codes["hue"].unique(), key=hues.__getitem__):
            _threads(axes, codes[codes["hue"] == level], place, hues[level], of.arms, _factor(of).numbers is not None)
        axes.set(xlabel=_factor(of).key, ylabel=axis_label(metric, of.runs.unit(metric)))
        log_if_wide(axes, *_drawn(of, frame, metric))
        _on_rail(axes, _runs(of, metric), place)
    if of.arms is not None:
        legend(figure, panels[0], of.arms.key)
    return figure


def _drawn(of: Subject, frame: pd.DataFrame, metric: str) -> tuple[Any, list[float]]:
    """The values of one panel, and the ends of its intervals."""
    done = frame[(frame["metric"] == metric) & frame["value"].notna()]
    parts = [part for _, part in done.groupby("hue")]
    ends = [end for part in parts for each in _intervals(part, _whole(part)) for end in (each.low, each.high)]
    return done["value"], ends


def _factor(of: Subject) -> Factor:
    assert of.factor is not None
    return of.factor


def _runs(of: Subject, metric: str) -> pd.DataFrame:
    """The runs that have a level, with the indices of their levels."""
    runs = of.runs
    frame = pd.DataFrame(
        {
            "setting": runs.settings.blocks(_factor(of)),
            "seed": runs.column("seed"),
            "level": _factor(of).column,
            "hue": of.arms.column if of.arms else 0,
            "value": runs.values(metric),
            "diverged": (runs.frame["state"] == "diverged").to_numpy(),
            "complete": (runs.frame["state"] == "complete").to_numpy(),
        }
    )
    return frame[(frame["level"] >= 0) & (frame["hue"] >= 0)].assign(metric=metric)


def _places(factor: Factor) -> Any:
    return np.array(factor.numbers if factor.numbers else range(len(factor.levels)), float)


def _ticks(axes: Axes, factor: Factor, place: Any) -> None:
    if factor.numbers:
        numeric_axis(axes, factor.numbers, factor.levels)
        return
    names = [shortened(short_name(factor.key, level)) for level in factor.levels]
    turned: Any = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if _crowded(factor) else {}
    axes.set_xticks(place, names, **turned)
    axes.set_xlim(-0.4, len(place) - 0.6)


def _crowded(factor: Factor) -> bool:
    """Whether the names of the levels are too long for one row below a panel."""
    return not factor.numbers and sum(len(shortened(level)) for level in factor.levels) > ROW


def _threads(axes: Axes, part: pd.DataFrame, place: Any, code: int, hue: Factor | None, ordered: bool) -> None:
    """Draws the settings of one colour (thin) and their mean (thick): lines for numbers, dots for names."""
    table = _settings(part)
    shade = color(code) if hue else COLORS[0]
    threads = [line.dropna() for _, line in table.iloc[:THREADS].iterrows()]
    x = np.concatenate([[*place[line.index], math.nan] for line in threads])  # one line with gaps is quickly drawn
    y = np.concatenate([[*line, math.nan] for line in threads])
    axes.plot(x, y, color=shade, linewidth=0.7 * ordered, alpha=0.3, marker=marker(code), markersize=2.5)
    whole = _whole(part)
    if whole.empty:
        return
    intervals = _intervals(part, whole)
    reach = [interval.half if interval.known else 0.0 for interval in intervals]
    means = [interval.mean for interval in intervals]
    label = level_name(hue.key, hue.levels[code]) if hue else None
    style: dict[str, Any] = {
        "color": shade,
        "linewidth": 2.0 * ordered,
        "marker": marker(code),
        "markersize": 6,
        "label": label,
    }
    axes.plot(place[whole.columns], means, **style)
    if any(reach):
        axes.errorbar(place[whole.columns], means, yerr=reach, color=shade, linewidth=0, elinewidth=1.5, capsize=3)


def _settings(part: pd.DataFrame) -> pd.DataFrame:
    """The mean over seeds of each setting (rows) at each level (columns)."""
    return part.pivot_table(index="setting", columns="level", values="value", aggfunc="mean")


def _whole(part: pd.DataFrame) -> pd.DataFrame:
    """Those of the settings that have every level shown."""
    return _settings(part).dropna()


def _intervals(part: pd.DataFrame, whole: pd.DataFrame) -> list[stats.Interval]:
    """The mean at each level; if there are fewer than FEW settings, with its interval over seeds."""
    if len(whole) < FEW:
        inside = part[part["setting"].isin(whole.index)]
        seeds = inside.pivot_table(index="seed", columns="level", values="value", aggfunc="mean").dropna()
        if len(seeds):
            return [stats.t_interval(seeds[level].to_numpy(), least=FEW) for level in seeds.columns]
    return [stats.Interval(float(whole[level].mean())) for level in whole.columns]


def _on_rail(axes: Axes, frame: pd.DataFrame, place: Any) -> None:
    ended = frame[frame["diverged"] | frame["complete"]].groupby("level")["diverged"].agg(["sum", "count"])
    lost = ended[ended["sum"] > 0]
    texts = [f"{row['sum']:.0f}/{row['count']:.0f}" for _, row in lost.iterrows()]
    rail(axes, [float(place[code]) for code in lost.index], texts, [INK] * len(lost))
