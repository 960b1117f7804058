"""A machine on which Numba cannot be imported."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Compose

from rnnsweep import run
from rnnsweep.interrupt import StopRequest
from rnnsweep.kernels import fused
from rnnsweep.record import RunStore
from rnnsweep.train import Observer


def kernel(config: dict[str, Any], out: Path) -> str:
    """Trains the run and returns the kernel that its record names."""
    prepared = run.prepare(config)
    store = RunStore(out / prepared.id)
    assert store.claim()
    run.execute([(prepared, store)], Observer(), StopRequest())
    store.release()
    record = store.record()
    assert record is not None
    return str(record.environment["kernel"])


TORCH = ("library", "scan")


@pytest.fixture
def _no_numba(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where `import numba` raises an ImportError."""
    monkeypatch.setitem(sys.modules, "numba", None)
    fused.missing.cache_clear()
    yield
    monkeypatch.undo()
    fused.missing.cache_clear()


@pytest.mark.usefixtures("_no_numba")
def test_torch_runs_and_one_line_says_so_once(
    composed: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(2):
        assert kernel(composed("task=parity", "cell=gru", "train.steps=4", f"seed={seed}"), tmp_path) in TORCH
    lines = [line for line in capsys.readouterr().err.splitlines() if "Numba" in line]
    assert len(lines) == 1
    assert lines[0].startswith("rnnsweep: Numba cannot be imported (")
    assert "pip install 'rnnsweep[fused]'" in lines[0]


def test_nothing_is_said_where_numba_is_there(
    composed: Compose, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel(composed("task=parity", "cell=gru", "train.steps=4"), tmp_path)
    assert "Numba" not in capsys.readouterr().err
