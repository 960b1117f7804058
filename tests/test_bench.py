"""The comparison with other tools runs and prints what it promises."""

import importlib.util
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest
from conftest import ROOT

SCRIPT = ROOT / "scripts" / "bench_peers.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_peers", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench_peers"] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("task", "runs"), [("parity", (3, 6, 12, 24, 48, 72, 96, 192)), ("charlm", (3, 6, 12))])
def test_the_sweep_has_as_many_runs_as_asked_for(bench: ModuleType, task: str, runs: tuple[int, ...]) -> None:
    for number in runs:
        grid = bench.REFERENCES[task].grid(number)
        assert math.prod(map(len, grid.values())) == number
        assert all(len(set(values)) == len(values) for values in grid.values())


@pytest.mark.parametrize("runs", [0, 1, 5, 18, 36, 97])
def test_what_is_no_product_is_refused(bench: ModuleType, runs: int) -> None:
    with pytest.raises(ValueError, match="no whole grid"):
        bench.REFERENCES["parity"].grid(runs)


@pytest.mark.slow
def test_every_peer_that_is_installed_does_the_same_work(bench: ModuleType, tmp_path: Path) -> None:
    here = set(bench.installed(tuple(bench.NEEDS)))
    table = tmp_path / "table.md"
    with tempfile.TemporaryDirectory() as scratch:  # short: Ray's sockets lie in it
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": scratch, "OMP_NUM_THREADS": "1"}
        small = ["--runs", "3", "--steps", "20", "--out", str(table)]
        command = [sys.executable, str(SCRIPT), *small]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not list(Path(scratch).glob("peers-*")), "temporary files were left behind"
    assert table.read_text() == done.stdout
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| `")]
    assert {name.strip("`") for name, *_ in rows} == here
    for name, *numbers in rows:
        *times, memory, loss = map(float, numbers)
        assert all(0 < each < math.inf for each in times), name
        assert memory > 50, name  # MiB: torch alone takes more
        assert abs(loss - math.log(2)) < 0.05, name  # 20 steps of parity leave what chance says
    for name in set(bench.NEEDS) - here:
        assert f"{name}: skipped, needs" in done.stderr
