"""What a report shows of forecasts, and of any task's reference values."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import records

from rnnsweep.report.analysis import analyse
from rnnsweep.report.collect import collect
from rnnsweep.report.runs import Runs
from rnnsweep.report.section import Section
from rnnsweep.report.views import horizon

pytestmark = pytest.mark.usefixtures("figures_not_drawn")

HORIZON = {
    "name": "OT",
    "times": [f"2024-01-{day:02d} 00:00:00" for day in range(1, 7)],
    "truth": [1.0, 2.0, 3.0, 2.0, 1.0, 2.0],
    "model": [1.5, 1.0, 2.5],
    "simple": {"last_value": [3.0, 3.0, 3.0]},
}
STEPS = [{"step": step, "model": step / 10, "last_value": step / 5} for step in (1, 2, 3)]


def section(folder: Path, horizon: Any) -> Section:
    """Two cells with three seeds each, whose records have a forecast and a reference value."""
    for cell in ("gru", "lstm"):
        for seed in range(3):
            loss = 1.0 + seed / 10 + (cell == "lstm")
            path = records.run(
                folder / "study", loss, cell=cell, seed=seed, summary={"horizon": horizon, "by_step": STEPS}
            )
            record = json.loads((path / "record.json").read_text())
            record["best"]["test/last_value_mse"] = 2.0
            record["declared"] = {
                "loss": {"unit": "MSE", "direction": "min", "chance": None},
                "last_value_mse": {"unit": "MSE", "direction": None, "chance": None},
            }
            (path / "record.json").write_text(json.dumps(record))
    return analyse(Runs(collect([folder / "study"])), [], None, {}, None, folder)


def test_reference_values_stand_beside_each_cells_best_setting(tmp_path: Path) -> None:
    (answer,) = [each for each in section(tmp_path, HORIZON).answers if each.title == "Beside simple methods"]
    frame = answer.tables[0].frame()
    assert frame["model"].tolist() == ["GRU", "LSTM", "reference"]
    assert frame["on the test"].tolist() == ["loss", "loss", "last_value_mse"]
    assert frame["value mean"].tolist() == pytest.approx([1.11, 2.11, 2.0])


def test_a_forecast_is_drawn_over_its_dates_and_by_step(tmp_path: Path) -> None:
    (answer,) = [each for each in section(tmp_path, HORIZON).answers if each.title == "Forecasts"]
    assert [picture.title for picture in answer.pictures] == ["Error by step ahead", "The last forecast of OT"]
    drawn = answer.pictures[1]
    assert "Made before 2024-01-04 00:00:00" in drawn.caption
    assert drawn.data["model"].isna().tolist() == [True] * 3 + [False] * 3
    (axes,) = drawn.figure.axes
    converted = axes.lines[0].get_xdata()
    assert pd.Timestamp(converted[0]) == pd.Timestamp("2024-01-01")  # type: ignore[index]


def test_a_damaged_forecast_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    titles = [each.title for each in section(tmp_path, HORIZON | {"times": ["2024"]}).answers]
    assert "its record's horizon does not have the shape" in capsys.readouterr().err
    assert "Beside simple methods" in titles
    assert horizon.__doc__
