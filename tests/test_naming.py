"""Names of runs: eight digits, and more where another run has the place. No run takes that of another."""

import dataclasses
import itertools
import json
from pathlib import Path

import pytest
from conftest import PARITY, Compose

from rnnsweep import naming, run
from rnnsweep.errors import ConfigError
from rnnsweep.naming import belongs, named, names_in
from rnnsweep.record import RunStore
from rnnsweep.run import PreparedRun
from rnnsweep.single import train


@pytest.fixture(scope="module")
def first(composed: Compose) -> PreparedRun:
    return run.identify(composed(*PARITY, "train.steps=2", "train.progress=false"))


def sharing(like: PreparedRun, digits: int, last: str) -> PreparedRun:
    """Another run whose fingerprint begins with the same digits."""
    return dataclasses.replace(like, fingerprint=like.fingerprint[:digits] + last * (64 - digits))


def written(folder: Path, name: str, of: PreparedRun) -> RunStore:
    """The directory of a run."""
    store = RunStore(folder / name)
    store.path.mkdir(parents=True)
    store.begin(of.config, {"fingerprint": of.fingerprint})
    return store


def test_a_name_has_eight_digits_and_more_where_another_run_has_them(first: PreparedRun, tmp_path: Path) -> None:
    assert named(first, tmp_path) == first
    assert first.id.endswith(f"-{first.fingerprint[:8]}")
    written(tmp_path, first.id, first)
    assert named(first, tmp_path) == first
    other, third = sharing(first, 8, "a"), sharing(first, 12, "b")
    assert named(other, tmp_path).id == f"{first.id}aaaa"
    longer = f"{first.id}{first.fingerprint[8:12]}"
    assert named(third, tmp_path).id == longer
    written(tmp_path, longer, sharing(first, 12, "c"))
    assert named(third, tmp_path).id == f"{longer}bbbb"


def test_the_names_of_a_plan_do_not_depend_on_its_order(first: PreparedRun, tmp_path: Path) -> None:
    runs = [sharing(first, 8, digit) for digit in "dab"]
    names = [names_in(tmp_path / "none", order) for order in itertools.permutations(runs)]
    assert all(each == names[0] for each in names)
    assert sorted(names[0].values()) == sorted([first.id, f"{first.id}bbbb", f"{first.id}dddd"])
    assert names[0][runs[1].fingerprint] == first.id
    written(tmp_path, first.id, runs[2])  # the directory that is there stays its run's
    names = [names_in(tmp_path, order) for order in itertools.permutations(runs)]
    assert all(each == names[0] for each in names)
    assert names[0][runs[2].fingerprint] == first.id
    assert len(set(names[0].values())) == 3


def test_a_directory_from_before_the_fingerprint_is_its_configs(
    first: PreparedRun, composed: Compose, tmp_path: Path
) -> None:
    store = RunStore(tmp_path / first.id)
    store.path.mkdir()
    store.begin(first.config)
    assert belongs(store, first)
    other = run.identify(composed(*PARITY, "train.steps=2", "cell.hidden_size=7"))
    assert not belongs(store, other)
    store.begin(first.config | {"cell": first.config["cell"] | {"gone": 1}})  # a setting that is no more
    assert belongs(store, first)


def test_a_run_never_takes_the_directory_of_another(
    first: PreparedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = written(tmp_path, first.id, sharing(first, 8, "e"))
    before = (store.path / "config.json").read_bytes()
    with pytest.raises(ConfigError, match="another run has just taken this name"):
        train(first, store)
    assert (store.path / "config.json").read_bytes() == before
    assert [path.name for path in store.path.iterdir() if path.name != ".lock"] == ["config.json"]
    monkeypatch.setattr("rnnsweep.single.curves.draw", lambda *_: None)
    own = named(first, tmp_path)
    assert train(own, RunStore(tmp_path / own.id)).run == own.id
    assert json.loads((tmp_path / own.id / "config.json").read_text())["fingerprint"] == first.fingerprint
    assert naming.named(first, tmp_path).id == own.id
    run.saved(tmp_path / own.id)


def test_only_directories_that_are_there_are_looked_into(
    first: PreparedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan of thousands of new runs opens no file for their names."""
    others = [sharing(first, 0, digit) for digit in "abc"]
    written(tmp_path, others[0].id, others[0])
    asked: list[str] = []
    about = RunStore.about
    monkeypatch.setattr(RunStore, "about", lambda store: asked.append(store.path.name) or about(store))
    names_in(tmp_path, [first, *others])
    assert set(asked) == {others[0].id}
