"""The commands as a user runs them."""

import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import ROOT, Told, once
from test_pages import PAGES, blocks

from rnnsweep import run
from rnnsweep.cli import to_minimise
from rnnsweep.errors import ConfigError
from rnnsweep.record import RunRecord
from rnnsweep.types import Metric

QUICK = ("cell.hidden_size=8", "train.threads=1", "train.log_every=10", "train.eval_every=50", "train.batch_size=16")
PARITY = ("task=parity", "task.examples=400", "task.held_out=50", *QUICK)


def rnnsweep(*arguments: str, cwd: Path, module: str = "rnnsweep") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def only_run(cwd: Path) -> Path:
    (path,) = (cwd / "outputs").iterdir()
    return path


def test_a_run_its_record_and_the_same_command_again(tmp_path: Path, text: Path) -> None:
    command = (f"task.text={text}", "train.steps=100", "task.sample_length=40", "task.seq_len=16", *QUICK)
    first = rnnsweep(*command, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    path = only_run(tmp_path)
    files = {file.name for file in path.iterdir()}
    named = {"config.json", "metrics.jsonl", "record.json", "best.pt", "last.pt", "samples.md", "curves.png"}
    assert files == named | {".lock"}
    assert "a sample" in first.stdout
    assert str(path.relative_to(tmp_path) / "record.json") in first.stdout
    assert (path / "curves.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads((path / "record.json").read_text())
    assert record["status"] == "complete"
    assert record["best"]["val/bpc"] < 4

    before = (path / "record.json").stat().st_mtime_ns
    again = rnnsweep(*command, cwd=tmp_path)
    assert again.returncode == 0
    assert "is finished" in again.stdout
    assert f"{record['best']['val/loss']:.4f}" in again.stdout
    assert (path / "record.json").stat().st_mtime_ns == before

    anew = rnnsweep(*command, "rerun=true", cwd=tmp_path)
    assert anew.returncode == 0
    assert (path / "record.json").stat().st_mtime_ns > before
    assert json.loads((path / "record.json").read_text())["best"] == record["best"]

    sampled = rnnsweep(str(path), "--prompt", "The ", "--length", "30", cwd=tmp_path, module="rnnsweep.sample")
    assert sampled.returncode == 0, sampled.stderr
    assert sampled.stdout.startswith("The ")
    assert len(sampled.stdout) == 4 + 30 + 1
    text.rename(text.with_suffix(".moved"))  # a saved run needs its text no more
    try:
        moved = rnnsweep(str(path), "--prompt", "The ", "--length", "30", cwd=tmp_path, module="rnnsweep.sample")
        assert moved.stdout == sampled.stdout
    finally:
        text.with_suffix(".moved").rename(text)
    best = torch.load(path / "best.pt", weights_only=False)
    torch.save(best | {"assets": {"vocabulary": "abc"}}, path / "best.pt")
    with pytest.raises(ConfigError, match=r"do not fit the model in config.json or the vocabulary"):
        run.saved(path)


BAD = [
    ("cell.hiden_size=8", "GRU has no parameter `hiden_size`. Did you mean `hidden_size`?"),
    ("cell=gruu", "there is no cell `gruu`. Did you mean `gru`?"),
    ("cel.hidden_size=8", "Did you mean `cell`?"),
    ("cell.hidden_size=0", "expected at least 1, got 0"),
    ("cell.hidden_size=wide", "expected an integer, got 'wide'"),
    ("cell.hidden_size=[", "cannot be read as KEY=VALUE"),
    ("train.clip=-1", "expected above 0 or null, got -1"),
    ("task.seq_len=1000000", "too few for a window"),
    ("train.batch_size=100000", "less than one window"),
    ("task.text=missing.txt", "there is no file `missing.txt`"),
    ("task.text=.", "is a directory"),
    ("task.text=empty.txt", "is empty"),
    ("task.text=latin.txt", "not UTF-8"),
    (f"task.text={sys.executable}", "binary file"),
    ("cell=rnn,gru", "several values are a sweep; add -m"),
    ("out=a_file", "cannot write a_file/charlm-gru-s0-"),
]


@pytest.mark.parametrize(("override", "said"), BAD)
def test_bad_input_is_refused_by_name_and_leaves_nothing(
    override: str, said: str, refused: Told, tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "latin.txt").write_bytes("déjà vu".encode("latin-1"))
    (tmp_path / "a_file").write_text("")
    line = refused(override)
    assert line.startswith(f"`{override}`: ")
    assert said in line


def test_a_refusal_is_one_line_of_stderr_and_status_2(tmp_path: Path) -> None:
    result = rnnsweep("cell=gruu", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("rnnsweep: `cell=gruu`: ")
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


LONG = (*PARITY, "train.steps=600", "train.checkpoint_seconds=0.02", "cell.hidden_size=16")


def started(cwd: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "rnnsweep", *LONG]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, name: str, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while not list(path.glob(f"outputs/*/{name}")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def numbers(run: Path) -> tuple[object, ...]:
    timed = ("tokens_per_second", "seconds_per_epoch")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    record = json.loads((run / "record.json").read_text())
    return [{k: v for k, v in row.items() if k not in timed} for row in rows], record["best"], record["summary"]


@pytest.mark.slow
def test_kills_at_any_moment_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = rnnsweep(*LONG, cwd=tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    chosen, kills = random.Random(0), 0
    for _ in range(30):
        process = started(tmp_path / "cut")
        wait_for(tmp_path / "cut", "metrics.jsonl", process)
        time.sleep(chosen.uniform(0, 0.4))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        if kills == 3:
            break
    continued = rnnsweep(*LONG, cwd=tmp_path / "cut")
    assert continued.returncode == 0, continued.stderr
    assert kills == 3
    assert numbers(only_run(tmp_path / "cut")) == numbers(only_run(tmp_path / "whole"))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)])
def test_a_signal_writes_a_checkpoint_and_says_how_to_continue(signum: signal.Signals, tmp_path: Path) -> None:
    long = once([*PARITY, "train.steps=1000000", "train.eval_every=1000000"])
    command = [sys.executable, "-m", "rnnsweep", *long]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(tmp_path, "metrics.jsonl", process)
    process.send_signal(signum)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 128 + signum
    assert "the same command continues from it" in out
    assert error == ""
    assert (only_run(tmp_path) / "last.pt").exists()
    assert not (only_run(tmp_path) / "record.json").exists()


def test_a_damaged_checkpoint_is_set_aside(tmp_path: Path) -> None:
    process = started(tmp_path)
    wait_for(tmp_path, "last.pt", process)
    process.kill()
    process.communicate()
    last = only_run(tmp_path) / "last.pt"
    last.write_bytes(last.read_bytes()[:99])
    result = rnnsweep(*LONG, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "last.pt is damaged" in result.stderr


def test_two_processes_never_train_the_same_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rnnsweep", *PARITY, "train.steps=1000000"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        wait_for(tmp_path, "metrics.jsonl", process)  # type: ignore[arg-type]
        second = rnnsweep(*command[3:], cwd=tmp_path)
        assert second.returncode == 2
        assert "another process is training this run" in second.stderr
    finally:
        process.kill()
        process.wait()


def test_the_stock_sweeper_runs_each_combination(tmp_path: Path) -> None:
    stock = ("hydra/sweeper=basic", "hydra/launcher=basic")
    result = rnnsweep("-m", *stock, *PARITY, "cell=rnn,mlp_window", "seed=0,1", "train.steps=20", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    records = [json.loads(path.read_text()) for path in tmp_path.glob("multirun/*/record.json")]
    assert sorted(record["run"].rsplit("-", 1)[0] for record in records) == [
        "parity-mlp_window-s0",
        "parity-mlp_window-s1",
        "parity-rnn-s0",
        "parity-rnn-s1",
    ]


@pytest.mark.parametrize(
    ("direction", "status", "best", "given"),
    [
        ("min", "complete", 0.5, 0.5),
        ("max", "complete", 0.5, -0.5),
        ("max", "diverged", 0.5, math.inf),
        ("min", "diverged", None, math.inf),
    ],
)
def test_a_sweeper_that_minimises_gets_what_is_to_be_minimised(
    direction: Any, status: Any, best: float | None, given: float
) -> None:
    record = RunRecord("r", status, {}, {"step": 1, "val/score": best}, 10, 1.5, 1, {}, {})
    assert to_minimise(record, Metric("score", "", direction)) == given


@pytest.mark.slow
def test_the_stock_optuna_sweeper_maximises_accuracy(tmp_path: Path) -> None:
    size = ("task=parity", "task.examples=100", "task.held_out=40", "train.batch_size=20", "cell.hidden_size=4")
    stock = ("hydra/sweeper=optuna", "hydra/launcher=basic", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1")
    search = ("-m", "optimizer.lr=interval(1e-3,1e-1)", "train.steps=20", "train.eval_every=10")
    result = rnnsweep(*stock, *size, *search, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    given = re.findall(r"OptunaSweeper minimises -val/accuracy; this run has (-0\.\d+)", result.stdout)
    records = [json.loads(path.read_text()) for path in tmp_path.glob("multirun/**/record.json")]
    assert sorted(map(float, given)) == pytest.approx(sorted(-r["best"]["val/accuracy"] for r in records), rel=1e-4)


@pytest.mark.parametrize("arguments", [["--help"], ["--cfg", "job"], ["-sc", "query=bash"]])
def test_answers_without_torch(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from rnnsweep.cli import main; sys.argv = ['rnnsweep', *sys.argv[1:]]\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules and 'matplotlib' not in sys.modules"
    )
    env = os.environ | {"COMP_LINE": "rnnsweep cell=", "COMP_POINT": "14"}
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    for shown in ("gru", "lstm") if arguments[0] == "-sc" else ("hidden_size", "clip"):
        assert shown in result.stdout


def test_help_shows_the_chosen_members_and_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "mine" / "cell").mkdir(parents=True)
    (tmp_path / "mine" / "cell" / "own.yaml").write_text("_target_: mine.Own\nsize: 3  # how big\n")
    result = rnnsweep("--help", "task=parity", "cell=own", "--config-dir", "mine", cwd=tmp_path)
    assert "task.output=each" in result.stdout
    assert "mut3, own, qrnn" in result.stdout
    assert "how big" in result.stdout
    (tmp_path / "mine" / "__init__.py").touch()
    for place in (f"file://{tmp_path}/mine", "pkg://mine"):
        assert rnnsweep("--help", f"hydra.searchpath=[{place}]", "cell=own", cwd=tmp_path).stdout.count("how big") == 1


@pytest.mark.slow
def test_from_a_wheel_with_the_cell_of_the_readme(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(ROOT)]
    built = subprocess.run(build, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    assert any("MIT License" in path.read_text() for path in site.glob("rnnsweep-*.dist-info/licenses/**/LICENSE"))
    work = tmp_path / "work"
    (work / "conf" / "cell").mkdir(parents=True)
    (work / "mine.py").write_text(blocks(PAGES["rnnsweep/cells"], "python")[0])
    (work / "conf" / "cell" / "leaky.yaml").write_text(blocks(PAGES["rnnsweep/cells"], "yaml")[0])
    env = os.environ | {"PYTHONPATH": f"{site}:{work}"}
    overrides = ("cell=leaky", "packages=[mine]", "train.steps=20", *PARITY)
    script = [sys.executable, str(site / "bin" / "rnnsweep"), "--config-dir", "conf", *overrides]
    result = subprocess.run(script, cwd=work, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert only_run(work).name.startswith("parity-leaky-s0-")
    where = "import rnnsweep.cli; print(rnnsweep.cli.CONF)"
    conf = subprocess.run([sys.executable, "-c", where], cwd=work, env=env, capture_output=True, text=True).stdout
    assert conf.strip() == str(site / "rnnsweep" / "conf")
