"""Short versions of what the studies of texts reach: see conf/study for the whole ones."""

from pathlib import Path

import pytest
from conftest import DATA, Compose

from rnnsweep import run
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunStore
from rnnsweep.train import Observer

pytestmark = pytest.mark.slow


def reached(composed: Compose, out: Path, *overrides: str) -> dict[str, float]:
    """The test's metrics of one run, trained as its command trains it."""
    prepared = run.prepare(composed(*overrides, "train.threads=1", "train.eval_every=null"))
    store = RunStore(out / prepared.id)
    assert store.claim()
    store.begin(prepared.config)
    try:
        (record,) = run.execute([(prepared, store)], Observer(), StopRequest())
    finally:
        store.release()
    assert record.status == "complete"
    return {name: value for name, value in record.best.items() if name.startswith("test/")}


def test_dates_of_six_formats_are_rewritten(composed: Compose, tmp_path: Path) -> None:
    sources = "task.sources=[iso,short,long,european,american,dotted]"
    shape = ("cell.hidden_size=128", "cell.bidirectional=true", "task.attention=luong_general")
    got = reached(composed, tmp_path, "task=dates", sources, *shape, "train.batch_size=64", "train.steps=800")
    assert got["test/exact"] >= 0.97


def test_strings_are_reversed(composed: Compose, tmp_path: Path) -> None:
    shape = ("cell.hidden_size=64", "cell.bidirectional=true", "task.attention=luong_general", "task.seq_len=8")
    got = reached(composed, tmp_path, "task=reverse", *shape, "train.batch_size=64", "train.steps=600")
    assert got["test/exact"] >= 0.99


def test_order_is_read_where_a_bag_of_words_guesses(composed: Compose, tmp_path: Path) -> None:
    got = reached(composed, tmp_path, "task=sentiment_class", "cell=lstm", "cell.hidden_size=48", "train.steps=500")
    assert got["test/bag_of_words"] < 0.55
    assert got["test/accuracy"] >= 0.995


def test_generated_names_keep_to_their_class(composed: Compose, tmp_path: Path) -> None:
    got = reached(composed, tmp_path, "task=names_gen", "cell.hidden_size=96", "train.steps=1000")
    assert got["test/controllability"] >= 0.9 * got["test/classifier_balanced_accuracy"]


@pytest.mark.skipif(not (DATA / "names").is_dir(), reason="shared/data/names is not here")
def test_surnames_in_four_epochs(composed: Compose, tmp_path: Path) -> None:
    """Where the published networks stand after one or two, with a quarter of the study's units."""
    split = ("task.split_by=lines", "task.val_fraction=.05", "task.test_fraction=.15", "task.max_len=12")
    shape = ("cell.hidden_size=64", "cell.bidirectional=true", "pooling=max", "train.batch_size=64", "train.epochs=4")
    got = reached(composed, tmp_path, "task=names_class", f"task.path={DATA / 'names'}", *split, *shape)
    assert got["test/accuracy"] >= 0.80


@pytest.mark.skipif(not (DATA / "poly-music").is_dir(), reason="shared/data/poly-music is not here")
def test_chorales_with_twenty_thousand_parameters(composed: Compose, tmp_path: Path) -> None:
    """Chung et al. (2014), Table 2, LSTM on JSB Chorales, in half of the study's epochs."""
    shape = ("cell=lstm", "cell.match_params=20000", "optimizer.lr=3e-2", "train.batch_size=4", "train.epochs=30")
    path = DATA / "poly-music" / "JSB_Chorales.mat"
    got = reached(composed, tmp_path, "task=music", f"task.path={path}", *shape)
    assert got["test/loss"] <= 8.67
