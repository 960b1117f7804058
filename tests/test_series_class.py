"""Labelled series: files that hold the same series, what is refused, scaling, and the nearest neighbour."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Compose, Told
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier
from torch.nn import functional as F

from rnnsweep import errors, run
from rnnsweep.data import labelled_series, panel
from rnnsweep.data.labelled_series import load
from rnnsweep.data.neighbour import nearest
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunStore
from rnnsweep.tasks.series_class import SeriesClass
from rnnsweep.train import Observer

SERIES = [[1.5, 2, 3], [4, 5], [-1, 0.25, 2, 8]]
LABELS = ["1", "2", "1"]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    labelled_series.load.cache_clear()


def ucr(series: list[Any], labels: list[Any], mark: str = "\t", width: int = 0) -> str:
    padded = [[*map(str, each), *["NaN"] * (width - len(each))] for each in series]
    lines = ([str(label), *each] for each, label in zip(padded, labels, strict=True))
    return "".join(mark.join(line) + "\n" for line in lines)


def put(folder: Path, name: str, content: str) -> str:
    (folder / name).write_text(content)
    return str(folder / name)


# Files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    ["tabs", "commas", "blanks", "padded", "marked", "old labels", "ts", "npz", "npz padded", "npz marked", "long"],
)
def test_the_same_series_in_every_form(form: str, tmp_path: Path) -> None:
    path = str(tmp_path / "x.txt")
    texts = {
        "tabs": ucr(SERIES, LABELS),
        "commas": ucr(SERIES, LABELS, ","),
        "blanks": ucr(SERIES, LABELS, "  "),
        "padded": ucr(SERIES, LABELS, width=6),
        "marked": ucr(SERIES, LABELS, width=6).replace("NaN", "-999"),
        "old labels": ucr(SERIES, ["1.0000000e+00", "2.0000000e+00", "1.0000000e+00"], " "),
    }
    if form in texts:
        path = put(tmp_path, "x.txt", texts[form])
    elif form == "ts":
        lines = [f"{','.join(map(str, each))}:{label}\n" for each, label in zip(SERIES, LABELS, strict=True)]
        path = put(
            tmp_path, "x.ts", "#note\n@problemName X\n@timeStamps false\n@classLabel true 1 2\n@data\n" + "".join(lines)
        )
    elif form.startswith("npz"):
        path, x = str(tmp_path / "x.npz"), np.full((3, 4, 1), np.nan)
        for row, each in enumerate(SERIES):
            x[row, : len(each), 0] = each
        lengths = {"lengths": np.array([3, 2, 4])} if form == "npz" else {}
        x = x if form == "npz padded" else np.nan_to_num(x, nan=7.0 if lengths else -999.0)
        np.savez(path, x=x, y=np.array([1, 2, 1]), **lengths)  # type: ignore[arg-type]
    else:
        rows = [(n, t, v, label) for n, label in enumerate(LABELS) for t, v in enumerate(SERIES[n])]
        path = put(
            tmp_path, "x.csv", "id,time,level,label\n" + "".join(f"s{n},{t},{v},{y}\n" for n, t, v, y in rows[::-1])
        )
    found = load(path, marks=(-999.0,) if "marked" in form else ())
    order = [0, 1, 2] if form != "long" else [2, 1, 0]
    assert [found.values[place][:, 0].tolist() for place in order] == SERIES
    assert [found.labels[place] for place in order] == LABELS
    assert found.channels == (["level"] if form == "long" else ["0"])


def test_several_channels(tmp_path: Path) -> None:
    found = load(
        put(tmp_path, "x.ts", "@classLabel true a b\n@data\n1,2,3:4,5,6:a\n7,?,9:1,1,2:b\n"), missing="interpolate"
    )
    assert [each.tolist() for each in found.values] == [[[1, 4], [2, 5], [3, 6]], [[7, 1], [8, 1], [9, 2]]]
    days = "".join(f"{n},2024-03-{day:02d},{day},{-day},{'ab'[n]}\n" for n in (0, 1) for day in (10, 9))
    path = put(tmp_path, "x.csv", f"id,time,up,down,label\n{days}")
    assert [each.tolist() for each in load(path).values] == [[[9, -9], [10, -10]]] * 2
    task = SeriesClass(0, 1, path=path, test_path=path, val_path=path, channels=["down"])
    assert task.data["train"]["inputs"][0].tolist() == [[1.0], [-1.0]]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.txt", "1 2 3\n2 4 x\n", "line 2 of `.*x.txt`: expected a number, got 'x'"),
        ("x.txt", "1 2 3\n2 4 inf\n", "line 2 of `.*`: inf is not finite"),
        ("x.txt", "1 2 3\n2\n", "line 2 of `.*`: the series has no numbers"),
        ("x.txt", "1 2 3\n2 NaN NaN\n", "line 2 of `.*`: the series has no numbers"),
        (
            "x.txt",
            "1 2 3\n\n2 4 NaN 5\n",
            "line 3 of `.*`: step 1 of channel 0 has no number; `task.missing=interpolate`",
        ),
        ("x.txt", "\n \n", "holds no series"),
        ("x.ts", "@data\n1,2:3,4:a\n1,2:b\n", "line 3 of `.*` has 1 channels, not 2"),
        ("x.ts", "@data\n1,2:3:a\n", "line 2 of `.*`: its channels have 1 to 2 numbers"),
        ("x.ts", "@data\n1,2\n", "line 2 of `.*` has no class after its numbers"),
        ("x.ts", "@timeStamps true\n@data\n", "line 1 of `.*`: series with time stamps are not read"),
        ("x.ts", "@classLabel false\n@data\n", "line 1 of `.*` says that the series have no classes"),
        ("x.ts", "1,2:a\n", "line 1 of `.*`: expected a line that begins with `@`"),
        ("x.ts", "@classLabel true a b\n", "has no line `@data`"),
        ("x.csv", "id,time,label\n1,1,a\n", "has no channels"),
        ("x.csv", "id,v,label\n1,1,a\n", "has no column 'time'"),
        (
            "x.csv",
            "id,time,v,label\n1,1,2,a\n1,2,3,b\n",
            "line 3 of `.*`: the series `1` is 'b' here, and 'a' in line 2",
        ),
        ("x.csv", "id,time,v,label\n1,1,2,a\n1,1,3,a\n", "line 3 of `.*`: the series `1` has the time of line 2 again"),
        ("x.csv", "id,time,v,label\n1,soon,2,a\n", "line 2 of `.*`: expected a number or a date .*, got 'soon'"),
        ("x.npz", "no archive", "is no .npz file of plain arrays"),
        ("x.csv", "1;0,5;1,5\n2;2,5;3\n", "line 1 of `.*` separates by commas and by semicolons; .* decimal points"),
        ("x.tsv", "1\t0.5\t1\n2\t0,5\t1\n", "line 2 of `.*` separates by commas and by tabs"),
        ("x.txt", "1 0,5 1,5\n", "line 1 of `.*` separates by commas and by blanks"),
        ("x.txt", "1 2 3\n2 1_0 3\n", "line 2 of `.*`: expected a number, got '1_0'"),
        ("x.ts", "@data\n1,2_0:a\n", "line 2 of `.*`: expected a number, got '2_0'"),
        ("x.txt", "1 2 3\n01 4 5\n", "the classes '1' and '01' are one number; write them alike, or with letters"),
        ("x.csv", "id,time,v,label\n1,1,2,a\n,2,3,a\n", "line 3 of `.*`: the row says no `id`"),
        ("x.csv", "id,time,v,label,Label\n1,1,2,a,b\n", "has the columns `label` and `Label`"),
    ],
)
def test_files_that_cannot_be_read_rightly(name: str, content: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        load(put(tmp_path, name, content))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((2, 3))}, "holds 'x'; expected `x` and `y`"),
        ({"x": np.zeros(3), "y": np.zeros(3)}, r"has the shape \(3,\) and `y` \(3,\)"),
        ({"x": np.zeros((2, 3)), "y": np.zeros(3)}, r"expected numbers \(series, time, channel\)"),
        ({"x": np.zeros((2, 3)), "y": np.zeros(2), "lengths": np.array([0, 3])}, "a whole number from 1 to 3"),
        ({"x": np.array([[1, np.nan, 2.0]]), "y": np.zeros(1)}, "series 0 of `.*`: step 1 of channel 0 has no number"),
        ({"x": np.array([[1, np.inf, 2.0]]), "y": np.zeros(1)}, "series 0 of `.*` is not finite"),
        ({"x": np.array([[1, None]]), "y": np.zeros(1)}, "is no .npz file of plain arrays"),
        ({"x": np.zeros((2, 0)), "y": np.zeros(2)}, "series 0 of `.*`: the series has no numbers"),
        ({"x": np.zeros((2, 0, 3)), "y": np.zeros(2)}, "series 0 of `.*`: the series has no numbers"),
        ({"x": np.zeros((2, 3, 0)), "y": np.zeros(2)}, "series 0 of `.*`: the series has no numbers"),
        ({"x": np.zeros((0, 3, 2)), "y": np.zeros(0)}, "holds no series"),
        ({"x": np.zeros((2, 3)), "y": np.array([1, np.nan])}, "series 1 of `.*` has no class: its `y` is not a number"),
    ],
)
def test_arrays_that_cannot_be_used(arrays: dict[str, Any], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(ConfigError, match=said):
        load(str(tmp_path / "x.npz"))


@pytest.mark.parametrize("read", [load, lambda path: panel.load(path, None, None)])
def test_a_file_of_numpy_save_is_no_archive_of_arrays(read: Callable[[str], Any], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((3, 2)))
    renamed = (tmp_path / "x.npy").rename(tmp_path / "x.npz")
    with pytest.raises(ConfigError, match=r"is no .npz file of plain arrays; write it by `numpy.savez"):
        read(str(renamed))


def test_files_that_do_not_belong_together(refused: Told, tmp_path: Path) -> None:
    path = put(tmp_path, "x_TRAIN.tsv", ucr(SERIES, LABELS))
    other = put(tmp_path, "x_TEST.tsv", ucr(SERIES, ["1", "2", "3"]))
    told = refused("task=series_class", f"task.path={path}", f"task.test_path={other}")
    assert told == f"`task.test_path={other}`: `{other}` has classes that the training series lack: '3'"
    one = put(tmp_path, "one.txt", ucr(SERIES, [4] * 3))
    for words, said in {
        f"task.path={tmp_path}": "has classes that the training series lack",
        f"task.test_path={other}": "give `task.path`, too",
        f"task.path={one}": "are of one class, `4`",
        f"task.path={path} task.channels=[3]": "there is no channel '3'; there are '0'",
        "task.path=none.ts": "there is no file `none.ts`",
    }.items():
        assert said in refused("task=series_class", *words.split())


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        (["1_1", "11"], ["1_1", "11"]),
        (["9007199254740993", "9007199254740992"], ["9007199254740993", "9007199254740992"]),
        (["1", "1.0", "2.000e+00"], ["1", "1", "2"]),
        (["01", "02", "-1"], ["1", "2", "-1"]),
    ],
)
def test_classes_that_are_numbers_stay_apart(labels: list[str], wanted: list[str], tmp_path: Path) -> None:
    assert load(put(tmp_path, "x.txt", ucr([[1, 2, 3]] * len(labels), labels))).labels == wanted


@pytest.mark.parametrize("form", ["ts", "txt", "npz"])
def test_decimal_commas_are_refused_where_they_are_not_read(form: str, tmp_path: Path) -> None:
    path = str(tmp_path / f"x.{form}")
    if form == "npz":
        np.savez(path, x=np.ones((2, 3)), y=np.arange(2))
    else:
        put(tmp_path, f"x.{form}", {"ts": "@data\n1,2:a\n", "txt": "1 2 3\n2 4 5\n"}[form])
    with pytest.raises(ConfigError, match="its numbers have decimal points; leave the setting out") as told:
        load(path, decimal=",")
    assert told.value.keys[0] == "task.decimal"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("", "a channel of `.*` has no name, as an index is written; say which to read"),
        ("row", "`row`, a channel of `.*`, changes by"),
    ],
)
def test_an_index_is_no_channel_unless_it_is_named(header: str, said: str, tmp_path: Path) -> None:
    """Where a table is in the order of its classes, the number of a row tells the class."""
    rows = [f"{n},{n // 4},{n % 4},{n % 3},{'a' if n < 80 else 'b'}" for n in range(160)]
    path = put(tmp_path, "x.csv", "\n".join([f"{header},id,time,v,label", *rows]))
    with pytest.raises(ConfigError, match=said):
        _ = SeriesClass(0, 4, path=path).data
    assert SeriesClass(0, 4, path=path, channels=["v"]).data["train"]["inputs"].shape[2] == 1
    if header:
        assert SeriesClass(0, 4, path=path, channels=["v", header]).data["train"]["inputs"].shape[2] == 2


def test_a_class_that_is_not_in_the_test_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    errors.TOLD.clear()
    path = put(tmp_path, "x.txt", ucr([[n, 2, 3] for n in range(44)], [1] * 20 + [2] * 20 + [3] * 4))
    assert SeriesClass(0, 4, path=path).size("test") == 4
    told = capsys.readouterr().err
    assert "no series of '3' came into the val part: its metrics say nothing of them" in told
    assert "no series of '3' came into the test part: its metrics say nothing of them" in told
    _ = SeriesClass(0, 4, path=path, val_fraction=0.25, test_fraction=0.25).data
    assert capsys.readouterr().err == ""


def test_what_was_done_with_a_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    errors.TOLD.clear()
    np.savez(tmp_path / "x.npz", x=np.ones((2, 3, 50)), y=np.arange(2))
    load(str(tmp_path / "x.npz"))
    assert "is read as (series, time, channel): 50 channels of at most 3 steps" in capsys.readouterr().err
    load(put(tmp_path, "x.csv", "1,2,3\n0,4,5\n"))
    assert "the first field of each line is read as the class of its series" in capsys.readouterr().err
    load(put(tmp_path, "x.txt", "1 2 NaN 4\n2 4 5 6\n"), missing="forward")
    assert "1 of 6 numbers was missing and repeats the number before (task.missing=forward)" in capsys.readouterr().err


# Examples ------------------------------------------------------------------------------------------------------


def test_validation_has_a_share_of_each_class_and_the_test_is_as_given(tmp_path: Path) -> None:
    labels = ["a"] * 30 + ["b"] * 10
    generator = np.random.default_rng(0)
    for part in ("TRAIN", "TEST"):
        put(tmp_path, f"Gun_{part}.txt", ucr(generator.normal(size=(40, 5)).round(3).tolist(), labels, ","))
    tasks = [SeriesClass(seed, 4, path=str(tmp_path), val_fraction=0.2) for seed in (0, 1)]
    for task in tasks:
        assert torch.bincount(task.data["val"]["labels"]).tolist() == [6, 2]
        assert torch.bincount(task.data["train"]["labels"]).tolist() == [24, 8]
        assert task.data["test"]["labels"].tolist() == [0] * 30 + [1] * 10
    assert torch.equal(tasks[0].data["val"]["inputs"], tasks[1].data["val"]["inputs"])
    assert task.source_hash != SeriesClass(0, 4, path=str(tmp_path / "Gun_TRAIN.txt")).source_hash


def test_channels_are_scaled_in_float64_by_the_training_part(tmp_path: Path) -> None:
    """At a level of 1e8 float32 would keep no digit of differences of 1."""
    generator = np.random.default_rng(1)
    x = generator.normal(size=(20, 6, 2)) * [1.0, 50.0] + [1e8, -3.0]
    np.savez(tmp_path / "x.npz", x=x, y=np.arange(20) % 2)
    task = SeriesClass(0, 4, path=str(tmp_path / "x.npz"), val_fraction=0.2, test_fraction=0.2)
    mean, deviation = task.scale
    train = np.concatenate(task.parts["train"][0])
    np.testing.assert_allclose([mean, deviation], [train.mean(0), train.std(0)])
    inputs = task.data["train"]["inputs"].flatten(0, 1)
    torch.testing.assert_close(inputs.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(inputs.std(0, correction=0), torch.ones(2), atol=1e-4, rtol=0)
    np.savez(tmp_path / "y.npz", x=np.where([True, False], 5.0, x), y=np.arange(20) % 2)
    with pytest.raises(ConfigError, match=r"task.channels: the channel `0` is constant \(5\)"):
        _ = SeriesClass(0, 4, path=str(tmp_path / "y.npz")).data
    assert SeriesClass(0, 4, path=str(tmp_path / "y.npz"), channels=["1"]).features == 1


def test_the_nearest_neighbour_is_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    known, asked = torch.randn(500, 7, 2, generator=generator), torch.randn(600, 9, 2, generator=generator)
    judge = KNeighborsClassifier(1).fit(known.flatten(1), torch.arange(500) % 100)
    np.testing.assert_array_equal(nearest(known, asked) % 100, judge.predict(asked[:, :7].flatten(1)))
    np.testing.assert_array_equal(
        nearest(known, asked[:, :5]) % 100, judge.predict(F.pad(asked[:, :5], (0, 0, 0, 2)).flatten(1))
    )


def test_a_run_records_accuracy_f1_confusion_and_the_neighbour(composed: Compose, tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    for part in ("train", "test"):
        labels = np.arange(60) % 3
        x = generator.normal(size=(60, 12)) * 0.3 + labels[:, None]
        np.savez(tmp_path / f"{part}.npz", x=x, y=labels)
    quick = (
        "train.steps=30",
        "train.eval_every=15",
        "cell.hidden_size=8",
        "train.batch_size=10",
        "train.progress=false",
    )
    prepared = run.prepare(composed("task=series_class", f"task.path={tmp_path}", *quick))
    store = RunStore(tmp_path / prepared.id)
    assert store.claim()
    (record,) = run.execute([(prepared, store)], Observer(), StopRequest())
    counts = np.array(record.summary["confusion"]["counts"])
    assert counts.sum() == 60
    assert record.best["test/accuracy"] == pytest.approx(counts.trace() / 60)
    truth, answers = (np.repeat(index, counts.flatten()) for index in np.indices((3, 3)).reshape(2, -1))
    assert record.best["test/macro_f1"] == pytest.approx(f1_score(truth, answers, average="macro"))
    assert 0.8 < record.best["test/nearest_neighbour"] <= 1
    assert record.declared["nearest_neighbour"].direction is None
