"""A package that is installed beside rnnsweep brings its classes and config groups by an entry point."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rnnsweep
from rnnsweep.extensions import extended
from rnnsweep.new import KINDS, write
from rnnsweep.record import RunStore

CELL = """
import dataclasses
import torch
from rnnsweep.cells.base import RecurrentCell


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class Brought(RecurrentCell):
    gates = 1

    def step(self, layer, gates, state):
        return (torch.tanh(gates + layer.recurrent(state[0])),)
"""
QUICK = ("task=seqmean", "cell=brought", "cell.hidden_size=4", "train.steps=2", "train.kernel=scan")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As pip leaves a package: its folder, and one with its metadata."""
    files = {
        "brought/__init__.py": "",
        "brought/cells.py": CELL,
        "brought/conf/__init__.py": "",
        "brought/conf/cell/brought.yaml": "_target_: brought.cells.Brought\nhidden_size: 8   # features\n",
        "brought-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n",
        "brought-1.0.dist-info/entry_points.txt": "[rnnsweep.extensions]\nbrought = brought\n",
    }
    for name, text in files.items():
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path / "site")
    for name in [name for name in sys.modules if name.split(".")[0] == "brought"]:  # of another test
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def test_its_cell_trains_in_python_and_by_the_command(installed: Path) -> None:
    run = rnnsweep.train(*QUICK, f"out={installed}/outputs", "train.progress=false")
    assert run.config["packages"] == ["brought"]
    where = os.environ | {"PYTHONPATH": os.pathsep.join([str(installed / "site"), *sys.path])}
    command = [sys.executable, "-m", "rnnsweep", *QUICK]
    again = subprocess.run(command, cwd=installed, env=where, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert "is finished" in again.stdout, "it is the same run"
    sweep = [*command, "-m", "seed=0,1", "hydra.sweeper.name=mine", "hydra.sweeper.workers=1"]
    swept = subprocess.run(sweep, cwd=installed, env=where, capture_output=True, text=True)
    assert swept.returncode == 0, swept.stderr
    records = [RunStore(path.parent).record() for path in installed.glob("multirun/mine/*/record.json")]
    assert [record.status for record in records if record] == ["complete", "complete"]
    shown = subprocess.run([*command[:3], "--help", "cell=brought"], env=where, capture_output=True, text=True)
    assert "cell.hidden_size=8" in shown.stdout


@pytest.mark.slow
def test_all_its_kinds_are_found_by_their_names(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `rnnsweep.new` writes into a package, used together in one run and in one search."""
    for kind in KINDS:
        write(kind, f"own_{kind}", installed / "site" / "brought")
    importlib.invalidate_caches()
    of_train = [f"train/{kind}=own_{kind.removesuffix('s')}" for kind in ("schedule", "metrics", "tracker")]
    short = ["train.steps=4", "train.eval_every=2", "train.kernel=scan", "train.progress=false", "cell.hidden_size=4"]
    run = rnnsweep.train("optimizer=own_optimizer", *of_train, *short, f"out={installed}/outputs")
    assert run.status == "complete"
    assert "val/own_metric" in run.record.best
    pooled = ["task=own_task", "cell=own_cell", "pooling=own_pooling"]
    assert rnnsweep.train(*pooled, *short, f"out={installed}/outputs").status == "complete"
    searched = ["hydra/sweeper/search=own_sampler", "hydra/sweeper/pruner=own_pruner", "hydra.sweeper.n_trials=2"]
    space = ["task=parity", "optimizer.lr=tag(log, interval(1e-4,1e-1))"]
    monkeypatch.chdir(installed)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(installed / "site"), *sys.path]))
    rnnsweep.sweep(*space, *searched, *short, "hydra.sweeper.name=found", "hydra.sweeper.workers=1")
    assert len(list((installed / "multirun" / "found").glob("*/record.json"))) == 2


@pytest.mark.usefixtures("installed")
def test_what_is_typed_stays() -> None:
    assert extended(["cell=gru"]) == ["cell=gru", "packages=[brought]", "hydra.searchpath=[pkg://brought.conf]"]
    assert extended(["packages=[mine]", "x=1"])[:2] == ["x=1", "packages=[mine,brought]"]
    assert extended(["packages=[brought]", "hydra.searchpath=[pkg://brought.conf]"]) == [
        "packages=[brought]",
        "hydra.searchpath=[pkg://brought.conf]",
    ]


def test_a_package_that_is_gone_is_left_out_and_named(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (installed / "site" / "brought").rename(installed / "elsewhere")
    assert extended(["cell=gru"]) == ["cell=gru"]
    said = capsys.readouterr()
    assert "the extension `brought` is left out" in said.out + said.err
