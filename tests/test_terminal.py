"""Commands whose output nobody reads, cannot be written or cannot be encoded; and signals."""

import os
import signal
import subprocess
import sys
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
        ("PermissionError(13, 'Permission denied', 'a/b')", 1, "it: a/b: Permission denied"),
        ("OSError(5, 'Input/output error')", 1, "it: Input/output error"),
    ],
)
def test_what_ends_a_command_is_a_line(raised: str, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    from rnnsweep.errors import ConfigError
    from rnnsweep.terminal import command

    with pytest.raises(SystemExit) as ended, command("it"):
        raise eval(raised, {"ConfigError": ConfigError, "Interrupted": Interrupted})
    assert ended.value.code == code
    assert capsys.readouterr().err.strip() == said


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
