"""Commands whose output nobody reads, cannot be written or cannot be encoded; and signals."""

import ast
import importlib
import importlib.abc
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from conftest import ROOT

from rnnsweep.interrupt import Interrupted, listening

PRINTS = """
import sys, time
from rnnsweep.terminal import command
@command("it", trains={trains})
def main():
    for word in ("кошка", "\\udcff", "x" * 100_000):
        print(word, flush=True)
    print("worked", file=sys.stderr)
main()
"""


def printing(redirected: str, *, trains: bool, encoding: str = "utf-8") -> tuple[int, str]:
    """The exit code and standard error of a command that prints more than a pipe holds, in a shell."""
    shell = ["bash", "-c", f'"$0" -c "$1" {redirected}; exit ${{PIPESTATUS[0]}}']
    env = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*shell, sys.executable, PRINTS.format(trains=trains)], env=env, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("redirected", "trains", "code", "said"),
    [
        ("| true", True, 0, "it: the output cannot be printed (Broken pipe); the work goes on without it\n"),
        ("| true", False, 141, ""),
        ("> /dev/full", True, 0, "it: the output cannot be printed (No space left on device); the work goes on"),
        ("> /dev/full", False, 1, "it: the output cannot be printed (No space left on device)\n"),
        (">&- <&-", True, 0, ""),
        ("> /dev/null", False, 0, ""),
    ],
)
def test_output_that_cannot_be_printed_stops_no_work(redirected: str, trains: bool, code: int, said: str) -> None:
    returned, error = printing(redirected, trains=trains)
    assert returned == code
    assert said in error
    assert "worked" in error
    assert len(error.splitlines()) == 1 + bool(said)


@pytest.mark.parametrize("redirected", ["2>&1 | true", "2>/dev/full | true", ">&- 2>&-"])
def test_nothing_can_be_said_at_all(redirected: str) -> None:
    assert printing(redirected, trains=True) == (0, "")


def test_a_terminal_that_knows_ascii_alone(tmp_path: Path) -> None:
    assert printing(f"> {tmp_path}/out", trains=False, encoding="ascii") == (0, "worked\n")
    assert (tmp_path / "out").read_text().startswith(r"\u043a\u043e\u0448\u043a\u0430")


def test_a_closed_output_is_no_place_for_a_file(tmp_path: Path) -> None:
    """A descriptor that the caller closed would be the next file's, and whoever prints would write into it."""
    code = (
        "import os, sys\nfrom rnnsweep.terminal import command\n"
        "with command('it', trains=True):\n    file = open(sys.argv[1], 'w')\n    os.system('echo printed')\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    shell = ["bash", "-c", '"$0" -c "$1" "$2" >&- 2>&- <&-', sys.executable, code, str(tmp_path / "file")]
    assert subprocess.run(shell, env=env, timeout=60).returncode == 0
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        ("KeyboardInterrupt", 130, ""),
        ("Interrupted(1)", 129, ""),
        ("ConfigError('task.text', 'no such file')", 2, "it: task.text: no such file"),
        (
            "PermissionError(13, 'Permission denied', 'a/b')",
            74,
            "it: a/b cannot be used: Permission denied; give",
        ),
        ("OSError(5, 'Input/output error')", 74, "it: Input/output error"),
    ],
)
def test_what_ends_a_command_is_a_line(raised: str, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    from rnnsweep.errors import ConfigError
    from rnnsweep.terminal import command

    with pytest.raises(SystemExit) as ended, command("it"):
        raise eval(raised, {"ConfigError": ConfigError, "Interrupted": Interrupted})
    assert ended.value.code == code
    assert capsys.readouterr().err.startswith(said)


def test_letters_that_the_locale_lacks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from rnnsweep.terminal import command

    monkeypatch.setattr(sys, "argv", ["it", os.fsencode("task.path=Тексты").decode("ascii", "surrogateescape")])
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    with pytest.raises(SystemExit) as ended, command("it"):
        raise AssertionError("the command has begun")
    assert ended.value.code == 2
    assert "it: task.path=Тексты: this locale has only ASCII letters; set" in capsys.readouterr().err


def test_a_working_directory_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rnnsweep.terminal import command

    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SystemExit) as ended, command("it"):
        raise AssertionError("it does not begin")
    assert ended.value.code == os.EX_IOERR
    assert capsys.readouterr().err.startswith("it: the working directory cannot be found: No such file or directory")


MISTAKES = [
    ("sample", ["RUN", "--temperature", "1e300"], "argument --temperature: expected 0 to 1000000, got 1e300"),
    ("sample", ["RUN", "--length", "-1"], "argument --length: expected 0 to 1000000, got -1"),
    ("sample", ["RUN", "--bogus"], "unrecognized arguments: --bogus; --help shows what there is"),
    ("sample", ["missing"], "missing: not the directory of a run"),
    ("status", [], "the following arguments are required: study"),
    ("status", ["missing"], "missing: no such directory; give the folder of a study"),
    ("report.cli", ["missing"], "missing: no such directory"),
    ("report.cli", ["missing", "--margin", "nan"], "argument --margin: expected above 0, got nan"),
    ("report.cli", ["missing", "--out", ""], "argument --out: expected a directory, got nothing"),
    ("numpy_lstm", ["--hidden", "0"], "argument --hidden: expected 1 to 1000000, got 0"),
    ("numpy_lstm", ["--noise", "nan"], "argument --noise: expected 0 to 1000000, got nan"),
    ("numpy_lstm", ["--output", "missing/x"], "argument --output: there is no directory missing"),
    ("new", ["cell", "__init__"], "`__init__` cannot be the name of a new module"),
    ("new", ["cell", "own", "--into", "file"], "file cannot be used: File exists; move the file"),
    ("new", ["cell", "there"], "there.py: exists already; choose another name, or delete it"),
]


@pytest.mark.parametrize(("module", "arguments", "said"), MISTAKES)
def test_a_mistake_is_a_line(
    module: str,
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "there.py").touch()
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"rnnsweep.{module}").main()
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code in (2, os.EX_IOERR)
    assert said in line


@pytest.mark.slow
def test_every_command_with_ascii_alone_and_with_nobody_who_reads(tmp_path: Path) -> None:
    """Cyrillic all the way: a text, its samples, the class of a name, the study's directory."""
    words = ("кошка", "видит", "молоко", "дом")
    lines = (" ".join(words[(i * k) % 4] for k in (1, 3, 5)) for i in range(400))
    (tmp_path / "текст.txt").write_text("\n".join(lines), encoding="utf-8")
    env = os.environ | {"LANG": "C", "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT), "LC_ALL": ""}

    def told(command: str) -> tuple[int, str]:
        shell = ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"]
        done = subprocess.run(shell, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    python = f"{sys.executable} -m rnnsweep"
    short = "train.steps=20 train.eval_every=10 train.threads=1 cell.hidden_size=8 task.embedding_size=8"
    run = f"{python} task=charlm 'task.text=\"текст.txt\"' task.seq_len=16 task.sample_length=20 {short}"
    code, said = told(f"{run} | head -1")
    assert code == 0
    assert "the work goes on without it" in said
    (trained,) = tmp_path.glob("outputs/*/record.json")
    assert json.loads(trained.read_text(encoding="utf-8"))["status"] == "complete"
    code, said = told(run)
    assert code == 0
    assert r"\u043a" in said
    assert told(f"{run} -m seed=0,1 'hydra.sweeper.name=\"имя\"' > /dev/full")[0] == 0
    search = "hydra.sweeper.search=random hydra.sweeper.n_trials=2 'optimizer.lr=interval(0.01,0.1)'"
    assert told(f"{run} -m {search} 2>&1 | head -1")[0] == 0
    assert len(list(tmp_path.glob("multirun/*/*/record.json"))) == 4
    assert told(f"{python}.sample {trained.parent}")[0] == 0
    code, said = told(f"{python}.sample {trained.parent} --prompt щука")
    assert (code, len(said.splitlines())) == (2, 1)
    assert told(f"{python}.status multirun/имя")[0] == 0
    assert told(f"{python}.status multirun/имя | true")[0] in (0, 141)
    assert told(f"{python}.report multirun/имя --out отчёт")[0] == 0
    assert told(f"{sys.executable} {ROOT}/scripts/report.py multirun/имя --out отчёт > /dev/full")[0] == 1


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGHUP, signal.SIGTERM])
def test_a_sweep_that_a_session_closes_has_checkpoints(signum: signal.Signals, tmp_path: Path) -> None:
    """A terminal that closes, or `timeout`, signals every process of the group, more than once."""
    options = "task=parity cell=rnn seed=0,1 train.steps=1000000 train.checkpoint_seconds=0.5 hydra.sweeper.stack=1"
    command = [sys.executable, "-m", "rnnsweep", "-m", *options.split(), "train.threads=1", "hydra.sweeper.workers=2"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("multirun/default/*/last.pt"))) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("multirun/default/*/last.pt")}
    for _ in range(2):
        os.killpg(process.pid, signum)
        time.sleep(0.01)
    out, error = process.communicate(timeout=120)
    assert process.returncode == 128 + signum, out + error
    assert "the same command continues multirun/default" in out
    assert error == ""
    assert all(path.stat().st_mtime_ns > written for path, written in before.items())


# Signals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_a_request_and_a_second_ctrl_c_ends_at_once(signum: signal.Signals) -> None:
    before = signal.getsignal(signum)
    with listening() as stop:
        signal.raise_signal(signum)
        assert stop.signum == signum
        assert Interrupted(stop.signum).exit_code == 128 + signum
        for again in (signal.SIGTERM, signal.SIGHUP):  # `timeout` and a session that closes send several
            signal.raise_signal(again)
        assert stop.signum == signum
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signum) == before


def test_what_is_ignored_stays_ignored() -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with listening() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert stop.signum is None
    finally:
        signal.signal(signal.SIGHUP, before)


# Ctrl-C ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["importing", "running"])
def test_a_ctrl_c_before_the_command_listens_ends_it_in_silence(
    when: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the first import of the command line on: Hydra alone takes half a second to import."""
    import rnnsweep.__main__

    class Interrupting(importlib.abc.MetaPathFinder):
        def find_spec(self, name: str, *_: object) -> None:
            if name == "rnnsweep.cli":
                raise KeyboardInterrupt

    def interrupted() -> None:
        raise KeyboardInterrupt

    if when == "importing":
        monkeypatch.delitem(sys.modules, "rnnsweep.cli", raising=False)
        monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    else:
        monkeypatch.setattr("rnnsweep.cli.main", interrupted)
    with pytest.raises(SystemExit) as end:
        rnnsweep.__main__.main()
    assert end.value.code == 130
    assert capsys.readouterr() == ("", "")


def test_the_console_script_begins_where_a_ctrl_c_is_heard() -> None:
    """In a module that imports nothing that takes long before it listens."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"]["rnnsweep"] == "rnnsweep.__main__:main"
    tree = ast.parse((ROOT / "rnnsweep" / "__main__.py").read_text())
    assert [ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)] == ["import sys"]
