"""Forecasts: windows and parts worked through by hand, simple forecasts against numpy, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Compose, Told

from rnnsweep import errors, figures, run
from rnnsweep.cells.gru import GRU
from rnnsweep.data import gaps, panel, times
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import StopRequest
from rnnsweep.pooling import Last
from rnnsweep.record import RunStore
from rnnsweep.tasks.forecast import Forecast
from rnnsweep.train import Observer


@pytest.fixture(autouse=True)
def _fresh() -> None:
    panel.load.cache_clear()


def table(folder: Path, rows: int = 60, name: str = "t.csv") -> str:
    """Two columns of noise around 1e6 and -3, and the dates of their days."""
    generator = np.random.default_rng(0)
    a, b = 1e6 + generator.normal(size=rows).round(3), -3 + 2 * generator.normal(size=rows).round(3)
    days = np.arange("2024-01-01", rows, dtype="datetime64[D]") if rows > 1 else []
    lines = [f"{day},{x},{y}\n" for day, x, y in zip(days, a, b, strict=True)]
    (folder / name).write_text("date,OT,load\n" + "".join(lines))
    return str(folder / name)


def forecast(path: str | None, **options: Any) -> Forecast:
    small = {"seq_len": 4, "horizon": 3, "season": 5, "splits": [40, 10, 10]}
    return Forecast(0, 2, **{"path": path} | small | options)


def model_of(task: Forecast) -> torch.nn.Module:
    torch.manual_seed(0)
    return task.build(lambda width: GRU(width, hidden_size=5), Last).eval()


# Windows and parts ---------------------------------------------------------------------------------------------


def test_windows_of_each_part_worked_through(tmp_path: Path) -> None:
    """40, 10 and 10 rows, windows of 4 and horizons of 3: 34, 8 and 8 origins; only windows reach back."""
    task = forecast(table(tmp_path), targets=["load"])
    assert [task.size(split) for split in ("train", "val", "test")] == [34, 8, 8]
    raw = task.panel.values
    mean, deviation = raw[:40].mean(0), raw[:40].std(0)
    scaled = (raw - mean) / deviation
    for split, first in (("train", 4), ("val", 40), ("test", 50)):
        part = task.data[split]  # type: ignore[index]
        for window in (0, -1):
            origin = first + (0 if window == 0 else task.size(split) - 1)  # type: ignore[arg-type]
            np.testing.assert_allclose(part["inputs"][window], scaled[origin - 4 : origin], atol=1e-5)
            np.testing.assert_allclose(part["targets"][window], scaled[origin : origin + 3, 1:], atol=1e-5)
    assert task.panel.times[:2] == ["2024-01-01 00:00:00", "2024-01-02 00:00:00"]  # type: ignore[index]


def test_parts_by_fractions_cover_every_row(tmp_path: Path) -> None:
    task = forecast(table(tmp_path), splits=None, val_fraction=0.1, test_fraction=0.2)
    assert task.ends == {"train": 42, "val": 48, "test": 60}


@pytest.mark.parametrize(
    ("one", "several"),
    [({"column": "load"}, {"columns": ["load"]}), ({"target": "load"}, {"targets": ["load"]})],
)
def test_a_setting_of_one_name_is_the_list_with_it(
    one: dict[str, str], several: dict[str, list[str]], tmp_path: Path
) -> None:
    for path in (table(tmp_path), None):
        made = {"points": 60} if path is None else {}
        a, b = forecast(path, **one, **made), forecast(path, **several, **made)
        assert (a.panel.names, a.sizes) == (b.panel.names, b.sizes)
        for split in ("train", "val", "test"):
            assert a.data[split].keys() == b.data[split].keys()  # type: ignore[index]
            assert all(torch.equal(a.data[split][name], b.data[split][name]) for name in a.data[split])  # type: ignore[index]


def test_a_file_of_arrays_and_a_table_give_the_same_windows(tmp_path: Path) -> None:
    one = forecast(table(tmp_path))
    np.savez(tmp_path / "x.npz", x=one.panel.values, columns=np.array(["OT", "load"]))
    two = forecast(str(tmp_path / "x.npz"))
    torch.testing.assert_close(one.data, two.data)
    assert two.panel.times is None
    np.savez(tmp_path / "y.npz", x=np.arange(60.0))
    assert forecast(str(tmp_path / "y.npz")).panel.names == ["0"]


@pytest.mark.parametrize(
    "written", ["2024-03-31 12:00:00", "2024-03-31T12:00", "2024-03-31", "31.03.2024 12:00", "2024/03/31"]
)
def test_dates_in_the_usual_forms_are_recognised_and_03_04_2024_is_not(written: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"when,x\n{written},1\n")
    found = panel.load(str(tmp_path / "t.csv"), None, None)
    assert found.times is not None
    assert found.times[0].startswith("2024-03-31")
    assert found.names == ["x"]
    (tmp_path / "u.csv").write_text("when,x\n03/04/2024,1\n")
    with pytest.raises(ConfigError, match=r"line 2 of `.*`: expected a number, got '03/04/2024'"):
        panel.load(str(tmp_path / "u.csv"), None, None)


# What is computed ----------------------------------------------------------------------------------------------


def test_simple_forecasts_are_those_of_numpy(tmp_path: Path) -> None:
    task = forecast(table(tmp_path), targets=["load"], season=2)
    found, y, x = task.compared(), task.values[:, 1].double().numpy(), task.values.double().numpy()
    origins = range(50, 58)
    np.testing.assert_allclose(found["last_value"][:, :, 0], [[y[o - 1]] * 3 for o in origins])
    np.testing.assert_allclose(found["seasonal"][:, :, 0], [[y[o - 2], y[o - 1], y[o - 2]] for o in origins])
    rows = [[*x[o - 4 : o].flatten(), 1.0] for o in range(4, 38)]
    weights, *_ = np.linalg.lstsq(rows, [y[o : o + 3] for o in range(4, 38)])
    wanted = [np.array([*x[o - 4 : o].flatten(), 1.0]) @ weights for o in origins]
    np.testing.assert_allclose(found["autoregression"][:, :, 0], wanted, atol=1e-5)


def test_least_squares_stand_windows_that_repeat_one_another(tmp_path: Path) -> None:
    """A noise-free sine: its windows span two dimensions, and least squares forecast it all the same."""
    np.savez(tmp_path / "x.npz", x=np.sin(np.arange(300) * 0.37))
    task = forecast(str(tmp_path / "x.npz"), splits=[200, 50, 50], seq_len=20)
    torch.testing.assert_close(task.compared()["autoregression"], task.data["test"]["targets"], atol=1e-3, rtol=0)


def test_errors_and_mase_are_those_of_their_definitions(tmp_path: Path) -> None:
    task = forecast(table(tmp_path))
    model = model_of(task)
    (batch,) = task.evaluation("test")
    with torch.no_grad():
        _, metrics, _ = task.loss(model, batch, ())
        answers = task.forecast(model, batch).numpy()
    truth = batch["targets"].numpy()
    last = np.repeat(batch["inputs"].numpy()[:, -1:], 3, axis=1)
    means = {name: (total / count).item() for name, (total, count) in metrics.items()}
    assert means["loss"] == pytest.approx(np.mean((answers - truth) ** 2), rel=1e-5)
    assert means["mae"] == pytest.approx(np.abs(answers - truth).mean(), rel=1e-5)
    assert means["mase"] == pytest.approx(np.abs(answers - truth).mean() / np.abs(last - truth).mean(), rel=1e-5)
    shown = task.summary(model)
    rows = {row["forecast"]: row for row in shown.data["simple_forecasts"]}
    assert {*rows} == {"model", "last_value", "seasonal", "autoregression"}
    assert rows["last_value"]["mase"] == pytest.approx(1)
    assert rows["model"]["mse"] == pytest.approx(means["loss"], rel=1e-5)
    assert np.mean([row["model"] for row in shown.data["by_step"]]) == pytest.approx(means["loss"], rel=1e-5)
    last_one = shown.data["horizon"]
    assert (last_one["name"], last_one["times"][-1], len(last_one["model"])) == ("OT", "2024-02-29 00:00:00", 3)
    np.testing.assert_allclose(last_one["truth"], task.panel.values[-12:, 0])


def test_free_running_reads_its_own_answers_and_trains_on_the_next_step(tmp_path: Path) -> None:
    task = forecast(table(tmp_path), answers="free_running")
    model = model_of(task)
    window = task.data["test"]["inputs"][:2]
    with torch.no_grad():
        found = task.forecast(model, {"inputs": window, "lengths": torch.tensor([4, 4])})
        for step in range(3):
            answer = model(window, torch.tensor([4, 4]))
            torch.testing.assert_close(found[:, step], answer)
            window = torch.cat([window[:, 1:], answer[:, None]], 1)
    model.train()
    loss, _, _ = task.loss(model, task.batch(0), ())
    first = model(task.batch(0)["inputs"], task.batch(0)["lengths"]) - task.batch(0)["targets"][:, 0]
    torch.testing.assert_close(loss, first.square().mean())


def test_what_is_missing_is_refused_by_line_or_filled(tmp_path: Path) -> None:
    lines = Path(table(tmp_path)).read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0] + ","
    (tmp_path / "gap.csv").write_text("\n".join(lines))
    with pytest.raises(ConfigError, match=r"line 4 of `.*gap.csv` has no number in the column `load`; say what to do"):
        _ = forecast(str(tmp_path / "gap.csv")).data
    found = {how: forecast(str(tmp_path / "gap.csv"), missing=how).panel for how in ("drop", "interpolate", "forward")}
    assert [len(each.values) for each in found.values()] == [59, 60, 60]
    values = found["interpolate"].values[:, 1]
    assert values[2] == pytest.approx((values[1] + values[3]) / 2)
    assert found["forward"].values[2, 1] == values[1]
    assert found["drop"].times is not None
    assert "2024-01-03 00:00:00" not in found["drop"].times


def test_numbers_that_stand_for_missing_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A number that looks like a mark is told; once it is named, it is as a field without a number."""
    lines = Path(table(tmp_path)).read_text().splitlines()
    for row in (3, 20):
        lines[row] = lines[row].rsplit(",", 1)[0] + ",-9999.0"
    marked, empty = tmp_path / "marked.csv", tmp_path / "empty.csv"
    marked.write_text("\n".join(lines))
    empty.write_text(marked.read_text().replace("-9999.0", ""))
    _ = forecast(str(marked)).panel
    said = capsys.readouterr().err
    assert "2 of 60 numbers of `load` are -9999, far from all others; if they stand for missing values, set" in said
    assert "`task.missing_values=[-9999]`" in said
    with pytest.raises(ConfigError, match=r"line 4 of `.*marked.csv` has no number in the column `load`; say what to"):
        _ = forecast(str(marked), missing_values=[-9999.0]).panel
    for missing in ("drop", "interpolate", "forward"):
        one = forecast(str(marked), missing_values=[-9999.0], missing=missing).panel
        other = forecast(str(empty), missing=missing).panel
        np.testing.assert_array_equal(one.values, other.values)
        assert one.times == other.times
    assert "far from" not in capsys.readouterr().err
    _ = forecast(table(tmp_path), missing_values=[-1.0]).panel
    assert "t.csv` is -1, which `task.missing_values` names" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("numbers", "marks"),
    [
        ([0.0, 1.0] * 20, []),  # two values are no numbers and a mark
        ([*np.linspace(0, 9, 40), 500.0], []),  # once: an outlier
        ([*np.linspace(200, 210, 40), 0.0, 0.0], [0]),
        ([*np.linspace(200, 210, 40), 0.0, 0.0, 999.0, 999.0], [999]),  # once 999 is named, 0 is told
        ([*np.linspace(0, 9, 40), 12.0, 12.0], []),
    ],
)
def test_which_number_looks_like_a_missing_one(
    numbers: list[float], marks: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    gaps.unmarked(f"{len(numbers)}.csv", ["a"], np.array(numbers)[:, None], ())
    said = capsys.readouterr().err
    assert all(f"are {mark}, far" in said for mark in marks)
    assert said.count("far from") == len(marks)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("task.splits=[40,10,2]", "the test part has 2 rows, fewer than the horizon of 3"),
        ("task.splits=[40,2,10]", "the validation part has 2 rows, fewer than the horizon of 3"),
        ("task.splits=[6,10,10]", "the training part has 6 rows; a window of 4 and a horizon of 3 need 7"),
        ("task.splits=[40,20,10]", "expected the rows of training, validation and test, of 60 together, got [40, 20"),
        ("task.splits=[40,20]", "expected the rows of training, validation and test"),
        ("task.season=41", "a season of 41 rows is longer than the training part of 40"),
        ("task.columns=[OT,lod]", "has no column `lod`; its first line names 'date', 'OT', 'load'"),
        ("task.targets=[date]", "there is no column `date` among 'OT', 'load'"),
        ("task.target=date", "there is no column `date` among 'OT', 'load'"),
        ("task.column=OTT", "has no column `OTT`; its first line names 'date', 'OT', 'load'"),
        ("task.columns=[OT,load] task.column=OT", "task.columns is set, too; give one of the two"),
        ("task.targets=[OT] task.target=OT", "task.targets is set, too; give one of the two"),
        ("task.column=OT task.target=load", "there is no column `load` among 'OT'"),
        ("task.targets=[OT] task.answers=free_running", "it forecasts every column that it reads, 'OT', 'load'"),
        ("task.date=load", "the column `load` holds no dates"),
        ("task.date=day", "has no column `day`"),
        ("task.path=none.csv", "there is no file `none.csv`"),
    ],
)
def test_settings_that_do_not_fit_the_series(words: str, said: str, refused: Told, tmp_path: Path) -> None:
    path = table(tmp_path)
    small = ("task=forecast", f"task.path={path}", "task.seq_len=4", "task.horizon=3", "task.season=5")
    typed = {word.split("=")[0]: word for word in (*small, "task.splits=[40,10,10]", *words.split())}
    assert said.format(path=path) in refused(*typed.values())


def test_series_that_cannot_be_learnt_from(tmp_path: Path) -> None:
    path = table(tmp_path)
    lines = Path(path).read_text().splitlines()
    for name, changed, said in (
        (
            "back",
            [*lines[:3], lines[1], *lines[3:]],
            "line 4 of `.*`: its `date` is not after that of .*; sort the rows",
        ),
        ("twice", [*lines[:3], lines[2], *lines[3:]], "line 4 of `.*`: its `date` is the same as .*; keep one row for"),
        ("constant", [lines[0], *(f"{line.rsplit(',', 1)[0]},7" for line in lines[1:])], r"`load` is constant \(7\)"),
        ("text", [lines[0], *(f"{line}x" for line in lines[1:])], "line 2 of `.*`: expected a number, got '.*x'"),
        ("empty", lines[:1], "has no rows"),
    ):
        (tmp_path / f"{name}.csv").write_text("\n".join(changed))
        with pytest.raises(ConfigError, match=said):
            _ = forecast(str(tmp_path / f"{name}.csv")).data
    np.savez(tmp_path / "x.npz", x=np.zeros((0, 2)))
    with pytest.raises(ConfigError, match="has no rows"):
        _ = forecast(str(tmp_path / "x.npz")).data


def test_a_run_has_the_simple_forecasts_in_its_record(composed: Compose, tmp_path: Path) -> None:
    small = ("task.seq_len=4", "task.horizon=3", "task.season=5", "task.splits=[40,10,10]", "cell.hidden_size=6")
    words = (*small, f"task.path={table(tmp_path)}", "train.steps=20", "train.eval_every=10", "train.batch_size=8")
    prepared = run.prepare(composed("task=forecast", *words))
    store = RunStore(tmp_path / prepared.id)
    assert store.claim()
    (record,) = run.execute([(prepared, store)], Observer(), StopRequest())
    names = {f"test/{name}" for name in ("mase", "mae", "mse", "last_value_mae", "seasonal_mse", "autoregression_mse")}
    assert names <= {*record.best}
    assert {"horizon.png", "by_step.png"} <= {*figures.draw(store, record.summary)}
    assert str(figures.timeline(record.summary["horizon"]["times"]).dtype).startswith("datetime64")


# What a table does not say -------------------------------------------------------------------------------------


def dated(folder: Path, days: Any, name: str = "d.csv") -> str:
    noise = np.random.default_rng(1).normal(size=len(days))
    (folder / name).write_text("day,x\n" + "".join(f"{day},{x:.3f}\n" for day, x in zip(days, noise, strict=True)))
    return str(folder / name)


@pytest.mark.parametrize(
    ("days", "line"),
    [
        ([*range(20), *range(60, 80)], 22),
        ([*range(20), *range(23, 43)], 22),
        ("2000-01-01 7 month", None),
        ("2000-01-31 7 quarter", None),
        ("2000-01-01 7 month without the fourth", 5),
    ],
)
def test_uneven_steps_are_told_however_long_they_are(
    days: Any, line: int | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if isinstance(days, str):
        first, count, unit, *without = days.split()
        months = np.datetime64(first[:7]) + np.arange(int(count)) * {"month": 1, "quarter": 3}[unit]
        when = months.astype("datetime64[D]") if first.endswith("01") else (months + 1).astype("datetime64[D]") - 1
        when = np.delete(when, 3) if without else when
    else:
        when = np.datetime64("2024-01-01") + np.array(days)
    errors.TOLD.clear()
    panel.load(dated(tmp_path, when), None, None)
    told = capsys.readouterr().err
    assert (f"line {line} of" in told and "the steps of `day` are not even" in told) if line else told == ""


def test_tenths_of_a_second_go_forward(tmp_path: Path) -> None:
    when = np.datetime64("2024-01-01T00:00:00.0") + 100 * np.arange(9).astype("timedelta64[ms]")
    found = panel.load(dated(tmp_path, when), None, None)
    assert found.times is not None
    assert found.times[1] == "2024-01-01 00:00:00.100000"


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"columns": np.array(["a", "a"])}, r"`columns` of `.*` has `a` twice"),
        ({"time": np.arange(40)[::-1]}, "row 1 of .*: its `time` is not after that of the row before; sort the rows"),
        ({"time": np.arange("2024-01", 40, dtype="datetime64[D]")[::-1].astype(str)}, "its `time` is not after"),
        ({"time": np.arange("2024-01", 40, dtype="datetime64[D]")[::-1]}, "its `time` is not after"),
        ({"columns": np.array(["", "b"])}, "a column of `.*` has no name"),
    ],
)
def test_arrays_that_say_two_things_are_refused(arrays: dict[str, Any], said: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    np.savez(tmp_path / "x.npz", x=x, **arrays)
    with pytest.raises(ConfigError, match=said):
        panel.load(str(tmp_path / "x.npz"), None, None)


@pytest.mark.parametrize(
    ("header", "first", "said"),
    [
        ("", lambda n: n, "a column of `.*` has no name, as an index is written; say which columns to read"),
        (
            "seconds",
            lambda n: 1_700_000_000 + 3600 * n,
            "`seconds`, a column of `.*`, changes by the same in every row",
        ),
        (
            "year",
            lambda n: 2020 - n,
            "`year`, a column of `.*`, changes by the same in every row, .* `task.columns=.x.`",
        ),
        ("t", lambda n: n / 10, "`t`, a column of `.*`, changes by the same in every row"),
    ],
)
def test_a_count_of_the_rows_is_no_series_unless_it_is_named(
    header: str, first: Any, said: str, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).normal(size=60)
    rows = [f"{first(n)},{x:.3f}\n" for n, x in enumerate(noise)]
    (tmp_path / "t.csv").write_text(f"{header},x\n" + "".join(rows))
    with pytest.raises(ConfigError, match=said):
        panel.load(str(tmp_path / "t.csv"), None, None)
    assert panel.load(str(tmp_path / "t.csv"), ("x",), None).names == ["x"]
    if header:
        assert panel.load(str(tmp_path / "t.csv"), (header, "x"), None).names == [header, "x"]


def test_a_column_that_rises_in_every_row_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{20240101 + n + 69 * (n // 31)},{n % 7}\n" for n in range(60)]
    (tmp_path / "t.csv").write_text("date,x\n" + "".join(rows))
    errors.TOLD.clear()
    assert panel.load(str(tmp_path / "t.csv"), None, None).names == ["date", "x"]
    assert "`date` rises in every row, as times do; it is read as a column of numbers" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("drop", "1 of 40 rows lacks a number and is left out"),
        ("interpolate", "2 of 80 numbers were missing and lie on a line to the next known number"),
        ("forward", "2 of 80 numbers were missing and repeat the number before"),
    ],
)
def test_what_was_missing_is_counted(
    missing: Any, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(0).normal(size=(40, 2))
    x[20] = np.nan
    np.savez(tmp_path / "x.npz", x=x)
    errors.TOLD.clear()
    panel.load(str(tmp_path / "x.npz"), None, None, missing=missing)
    assert f"{said}" in (told := capsys.readouterr().err)
    assert f"(task.missing={missing})" in told


@pytest.mark.parametrize(
    ("unit", "step", "season", "span"),
    [
        ("h", 1, 24, ""),
        ("m", 15, 96, ""),
        ("D", 1, 24, "24 days"),
        ("D", 1, 7, ""),
        ("D", 1, 365, ""),
        ("M", 1, 12, ""),
        ("M", 1, 24, ""),
        ("M", 1, 7, "213 days"),
        ("M", 3, 4, ""),
        ("h", 1, 30, "1.25 days"),
    ],
)
def test_a_season_of_no_usual_length_is_told(unit: Any, step: int, season: int, span: str) -> None:
    when = np.datetime64("2001-01-01", unit) + step * np.arange(120)
    assert times.odd_season([str(each) for each in when], season) == span
    assert times.odd_season(None, season) == times.odd_season(["monday", "tuesday"], season) == ""


def test_the_default_season_is_told_where_it_is_odd(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path)
    errors.TOLD.clear()
    _ = forecast(path, season=7).data
    assert capsys.readouterr().err == ""
    _ = forecast(path, season=24).data
    assert "a season of 24 rows lasts 24 days in" in capsys.readouterr().err
