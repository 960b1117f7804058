"""The address of a search's database: its password and its query are in no file."""

import os
from pathlib import Path

import pytest
from conftest import Prepared
from hydra.core.global_hydra import GlobalHydra

from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import StopRequest
from rnnsweep.run import environment
from rnnsweep.secrets import redacted
from rnnsweep.sweep.executor import Executor
from rnnsweep.sweep.search import Search
from rnnsweep.sweep.search_worker import SearchWorker
from rnnsweep.sweep.storage import VARIABLE, hand_over, kept, whole
from rnnsweep.sweep.trials import Trials
from rnnsweep.sweep.work_options import WorkOptions

SHORT = ("task=parity", "task.examples=40", "task.held_out=10", "train.batch_size=10", "train.steps=2")
SEARCH = ("-m", *SHORT, "cell.hidden_size=2", "optimizer.lr=1e-3,1e-2", "hydra.sweeper.search=random")
SECRET = "postgresql+psycopg://me:hunter2@host:1/db?sslpassword=hunter3"


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")


def test_workers_take_the_address_from_the_environment() -> None:
    shown = kept(SECRET, SECRET)
    assert "hunter" not in shown
    assert "me:***@host:1/db" in shown
    with pytest.raises(ConfigError, match=rf"set {VARIABLE} to the whole address"):
        whole(shown)
    other = "sqlite:////tmp/x.db?timeout=3"
    hand_over(SECRET)
    hand_over(other)
    assert whole(shown) == SECRET
    assert whole(redacted(other)) == other
    hand_over(SECRET.replace("hunter2", "newer"))
    assert "newer" in whole(shown)
    plain = "postgresql+psycopg://me@host/db"
    assert whole(kept(plain, plain)) == plain


def test_an_address_that_was_typed_as_a_variable_stays_one(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB", f"sqlite:///{tmp_path}/trials.db?timeout=1234567")
    (search,) = prepared(*SEARCH, "hydra.sweeper.storage=${oc.env:DB}")
    assert search.storage == "${oc.env:DB}"
    assert Search.load(search.save()).open().trials == []
    assert b"1234567" not in search.save().read_bytes()


def test_a_query_is_in_no_file_and_in_no_line(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.surroundings.cache_clear()
    storage = f"hydra.sweeper.storage='sqlite:///{tmp_path}/trials.db?timeout=1234567'"
    words = (*SEARCH, storage, "hydra.sweeper.n_trials=2")
    (search,) = prepared(*words)
    SearchWorker(Search.load(search.save()), WorkOptions(1, 1), StopRequest()).work()
    print(Trials(search).closing_table())
    monkeypatch.setattr("rnnsweep.run.execution.make_member", lambda *_: whole(str(search.storage)).index("nothing"))
    (failing,) = prepared(*words, "hydra.sweeper.name=failing")
    SearchWorker(Search.load(failing.save()), WorkOptions(1, 1), StopRequest()).work()
    print(Trials(failing).closing_table())
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sum(path.name == "record.json" for path in files) == 4
    assert not [path for path in files if b"1234567" in path.read_bytes()]
    said = capsys.readouterr()
    assert "1234567" not in said.out + said.err
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(ConfigError, match=r"has a password or a query, which no file holds"):
        Trials(search)


def test_what_cannot_be_opened_is_told_without_its_password(
    prepared: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    (search,) = prepared(*SEARCH, f"hydra.sweeper.storage='{SECRET}'")
    with pytest.raises(ConfigError, match="cannot open postgresql") as raised:
        search.open()
    assert "hunter" not in str(raised.value) + capsys.readouterr().err


def test_a_launcher_composes_the_same_sweeper_without_the_address(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Launchers for clusters compose each job's config again, and write what they were given into files."""
    seen: list[str] = []

    def launch(self: Executor, *_: object) -> bool:
        config, loader = self.composer.for_launchers(), GlobalHydra.instance().config_loader()
        loader.load_sweep_config(config, self.composer.study_words())  # raises where the sweepers differ
        seen.append(str(config))
        return True

    monkeypatch.setattr(Executor, "_work", launch)
    monkeypatch.setattr(Executor, "_search", launch)
    prepared("+study=capacity", "size=small", *SHORT)
    prepared(*SEARCH, f"hydra.sweeper.storage='{SECRET}'")
    assert len(seen) == 2
    assert "hunter" not in "".join(seen)
    assert "hunter2" in os.environ[VARIABLE]
