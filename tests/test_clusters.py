"""The same sweeps on the real things: Slurm, a Ray cluster, PostgreSQL. Slow; skipped where a part is not installed."""

import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, study

pytestmark = pytest.mark.slow

SLURM = ROOT.parent / "shared" / "slurm-one-node"
RUN = ("-m", "task=parity", "task.examples=400", "task.held_out=50", "train.batch_size=20", "cell.hidden_size=8")
LONG = (*RUN, "train.steps=3000", "train.eval_every=1000", "train.checkpoint_seconds=.2", "hydra.sweeper.stack=1")


def start(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "rnnsweep", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=cwd, env=os.environ | (env or {}), stdout=pipe, stderr=pipe, text=True)


def wait_until(condition, process: "subprocess.Popen[str]", seconds: float = 180) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def complete(study: Path) -> int:
    records = [json.loads(path.read_text()) for path in study.glob("*/record.json")]
    return sum(record["status"] == "complete" for record in records)


def rows_once(study: Path) -> bool:
    """Whether no run was trained by two at once, and none from the beginning again after its end."""
    for path in study.glob("*/metrics.jsonl"):
        rows = [(row["step"], row["split"]) for row in map(json.loads, path.read_text().splitlines())]
        if len(rows) != len(set(rows)):
            return False
    return True


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[dict[str, str]]:
    if not SLURM.exists() or os.geteuid() or any(shutil.which(part) is None for part in ("slurmctld", "munged")):
        pytest.skip("needs root, Debian's slurm-wlm and munge, and the script that starts a one-node Slurm")
    folder = tmp_path / "slurm"
    folder.mkdir()
    exported = subprocess.run([SLURM, "start", folder], check=True, capture_output=True, text=True).stdout
    name, value = exported.removeprefix("export ").strip().split("=", 1)
    yield {name: value}
    subprocess.run([SLURM, "stop", folder], check=True, capture_output=True)


def test_slurm_with_a_worker_requeued_and_one_cancelled(slurm: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    launcher = ("hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2")
    process = start(*LONG, "cell=gru", "seed=range(6)", "hydra.sweeper.workers=2", *launcher, cwd=tmp_path, env=slurm)
    study = tmp_path / "multirun" / "default"
    wait_until(lambda: len(list(study.glob("*/last.pt"))) >= 2, process)

    def jobs() -> list[str]:
        command = ["squeue", "-h", "-t", "R", "-o", "%i"]
        return subprocess.run(command, env=os.environ | slurm, capture_output=True, text=True).stdout.split()

    running = jobs()
    assert len(running) == 2
    subprocess.run(["scontrol", "requeue", running[0]], env=os.environ | slurm, check=True)
    wait_until(lambda: complete(study) >= 1, process)
    subprocess.run(["scancel", running[1]], env=os.environ | slurm, check=True)
    out, error = process.communicate(timeout=400)  # Slurm lets a requeued job wait for two minutes
    assert process.returncode == 0, out + error
    assert complete(study) == 6
    assert rows_once(study)


def test_ray_with_a_node_that_goes_down(tmp_path: Path) -> None:
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("hydra_plugins.hydra_ray_launcher") is None:
        pytest.skip("needs rnnsweep[ray]")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    other = cluster.add_node(num_cpus=1)
    launcher = ("hydra/launcher=ray", f"+hydra.launcher.ray.init.address={cluster.address}")
    process = start(*LONG, "cell=gru", "seed=range(6)", "hydra.sweeper.workers=2", *launcher, cwd=tmp_path)
    try:
        study = tmp_path / "multirun" / "default"
        wait_until(lambda: len(list(study.glob("*/last.pt"))) >= 2, process)
        cluster.remove_node(other, allow_graceful=False)
        out, error = process.communicate(timeout=300)
        assert process.returncode == 0, out + error
        assert complete(study) == 6
        assert rows_once(study)
    finally:
        process.kill()
        cluster.shutdown()


def test_joblib_and_submitit_local(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    for launcher in (("joblib", "hydra.launcher.n_jobs=2"), ("submitit_local", "hydra.sweeper.workers=2")):
        options = (f"hydra/launcher={launcher[0]}", launcher[1], f"hydra.sweeper.name={launcher[0]}")
        process = start(*RUN, "train.steps=100", "cell=rnn", "seed=range(4)", *options, cwd=tmp_path)
        out, error = process.communicate(timeout=200)
        assert process.returncode == 0, out + error
        assert complete(tmp_path / "multirun" / launcher[0]) == 4
    content = "# @package _global_\nhydra: {sweeper: {name: mine, params: {cell: rnn, seed: range(4)}}}\n"
    study(tmp_path, "mine", content)  # its jobs compose again, and find the same sweeper
    own = ("--config-dir", "conf", "+study=mine", "hydra/launcher=submitit_local", "hydra.sweeper.workers=2")
    process = start(*RUN, "train.steps=100", *own, cwd=tmp_path)
    out, error = process.communicate(timeout=200)
    assert process.returncode == 0, out + error
    assert complete(tmp_path / "multirun" / "mine") == 4


def test_joblib_with_a_killed_worker_ends_in_a_line_and_goes_on_with_the_same_command(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    command = (*LONG, "cell=rnn", "seed=range(3)", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    process = start(*command, cwd=tmp_path)
    study = tmp_path / "multirun" / "default"
    wait_until(lambda: len(list(study.glob("*/last.pt"))) >= 2, process)
    worker = next((study / ".study" / "workers").glob("[!.]*.json"))
    os.kill(json.loads(worker.read_text())["pid"], signal.SIGKILL)
    out, error = process.communicate(timeout=200)
    assert process.returncode == 1, out + error
    (line,) = error.splitlines()
    assert "the launcher ended with" in line
    assert "TerminatedWorkerError: A worker process managed by the executor was unexpectedly terminated" in line
    assert "to do" in out
    process = start(*command, cwd=tmp_path)
    out, error = process.communicate(timeout=400)
    assert process.returncode == 0, out + error
    assert complete(study) == 3
    assert rows_once(study)


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of a database of a server of its own, as Debian's package brings it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or importlib.util.find_spec("psycopg") is None:
        pytest.skip("needs Debian's postgresql and rnnsweep[postgresql]")
    if os.geteuid() == 0 and "postgres" not in {user.pw_name for user in pwd.getpwall()}:
        pytest.skip("as root, needs the user postgres")
    bin, folder = found[-1].parent, Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        shutil.chown(folder, "postgres")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    log = folder / "log"
    initdb = [bin / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust"]
    subprocess.run([*as_user, *initdb], check=True, capture_output=True, cwd=folder)
    control = [*as_user, bin / "pg_ctl", "-D", folder / "data", "-w"]
    subprocess.run([*control, "-l", log, "-o", options, "start"], check=True, capture_output=True, cwd=folder)
    yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder)
    shutil.rmtree(folder)


def test_two_processes_share_a_search_through_postgresql(postgresql: str, tmp_path: Path) -> None:
    search = ("hydra.sweeper.search=tpe", "hydra.sweeper.n_trials=10", f"hydra.sweeper.storage={postgresql}")
    space = ("cell=rnn,gru", "optimizer.lr=tag(log, interval(1e-3,1e-1))", "train.steps=150", "hydra.sweeper.workers=1")
    both = [start(*RUN, *space, *search, cwd=tmp_path) for _ in range(2)]
    wait_until(lambda: len(list(tmp_path.glob("multirun/default/*/last.pt"))) >= 2, both[0])
    both[1].send_signal(signal.SIGKILL)
    both[1].wait()
    out, error = both[0].communicate(timeout=200)
    assert both[0].returncode == 0, out + error
    assert "10/10 trials  10 complete" in out
    assert complete(tmp_path / "multirun" / "default") == 10
