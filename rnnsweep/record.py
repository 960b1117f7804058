"""The run store: one directory is one run. The only module that knows a run's files; it imports nothing of ours.

    config.json     the resolved config                 metrics.jsonl   a row for each log and evaluation
    best.pt         the weights of the best validation  last.pt         all that a resume needs
    record.json     the outcome, written last           samples.md      what the model wrote, if it writes
    curves.png      loss, perplexity, gradient norm

Whole files are written beside their place and renamed into it, so that a kill leaves the old or the new one.
"""

import dataclasses
import fcntl
import json
import math
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Literal

Status = Literal["complete", "diverged", "failed", "pruned"]
Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """The outcome of a run, as record.json holds it."""

    run: str
    status: Status
    metrics: dict[str, float | None]
    """The last values, as in `val/loss`; None where a number is not finite."""
    best: dict[str, float | None]
    """`step` of the lowest validation loss, the validation metrics there, and the test metrics of those weights."""
    parameters: int
    seconds: float
    """Wall time of training and validation, over all sessions of the run."""
    steps: int
    config: Json
    environment: Json
    showcase: Json = dataclasses.field(default_factory=dict)
    error: str | None = None
    metric: Json = dataclasses.field(default_factory=dict)
    """What the task is judged by: name, unit and direction (min or max); empty where the run failed."""
    declared: Json = dataclasses.field(default_factory=dict)
    """Each metric by its name without the split: unit, direction (min, max or null) and chance level. Empty where the
    run failed, and in records from before metrics were declared."""


class RunStore:
    """The files of one run. Claim it before writing: the claim dies with the process that holds it."""

    def __init__(self, path: Path):
        self.path = path
        self._lock: IO[str] | None = None
        self._rows: IO[str] | None = None

    def claim(self) -> bool:
        """Makes the directory and locks it; False while another process holds it.

        Raises:
            OSError: the directory cannot be made or written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        lock = open(self.path / ".lock", "w")  # noqa: SIM115  closing it gives the claim back
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        for torn in self.path.glob(".*.partial"):  # of a process that was killed while it wrote
            torn.unlink(missing_ok=True)
        return True

    def held(self) -> bool:
        """Whether a process holds the claim; asks without making or writing anything."""
        try:
            with open(self.path / ".lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def release(self) -> None:
        """Gives the claim back."""
        for file in (self._rows, self._lock):
            if file is not None:
                file.close()
        self._rows = self._lock = None

    def begin(self, config: Json) -> None:
        """Writes the resolved config; an earlier record, of a try that failed, goes."""
        (self.path / "record.json").unlink(missing_ok=True)
        self.write("config.json", _dump(config))

    def forget_failure(self) -> None:
        """Removes the record of a failed run, so that the run is tried again."""
        if self._failed() and self.claim():
            try:
                if self._failed():  # read again: before the claim another process may have trained the run
                    (self.path / "record.json").unlink()
            finally:
                self.release()

    def _failed(self) -> bool:
        record = self.record()
        return record is not None and record.status == "failed"

    def clear(self) -> None:
        """Forgets all earlier results of this run; for a claimed run that is trained anew."""
        for file in self.path.iterdir():
            if file.is_file() and file.name != ".lock":
                file.unlink()

    def write(self, name: str, content: str | Callable[[IO[bytes]], None]) -> None:
        """Writes a whole file atomically: text, or what the function writes into the open file."""
        partial = self.path / f".{name}.{platform.node()}-{os.getpid()}.partial"  # others may write the same file
        with open(partial, "wb") as file:
            if isinstance(content, str):
                file.write(content.encode())
            else:
                content(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path / name)

    def rewind(self, size: int) -> None:
        """Cuts metrics.jsonl to its first `size` bytes, the length when a checkpoint was written."""
        if (self.path / "metrics.jsonl").exists():
            os.truncate(self.path / "metrics.jsonl", min(size, self.size))

    def log(self, step: int, split: str, metrics: Json) -> None:
        """Appends a row to metrics.jsonl; numbers that are not finite become null."""
        if self._rows is None:
            self._rows = open(self.path / "metrics.jsonl", "a", encoding="utf-8")  # noqa: SIM115
        self._rows.write(json.dumps(finite({"step": step, "split": split} | metrics)) + "\n")
        self._rows.flush()

    def sync(self) -> None:
        """Makes the rows survive a loss of power; before a checkpoint that counts on them is written."""
        if self._rows is not None:
            os.fsync(self._rows.fileno())

    @property
    def size(self) -> int:
        """Bytes of metrics.jsonl."""
        path = self.path / "metrics.jsonl"
        return path.stat().st_size if path.exists() else 0

    def rows(self) -> list[Json]:
        """The rows of metrics.jsonl; one torn by a kill is left out."""
        path = self.path / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        return [row for row in map(_parse, lines) if row is not None]

    def finish(self, record: RunRecord) -> None:
        """Writes the record: the run is over."""
        (self.path / ".deaths").unlink(missing_ok=True)
        self.write("record.json", _dump(finite(dataclasses.asdict(record))))

    def died(self) -> int:
        """Notes that the process which trained the run died without a word; returns how often, without progress.

        A death after the run got further than at the one before counts as the first: a machine that goes down now
        and then must not fail a run.
        """
        before = self._deaths()
        progress = self.size
        times = before["times"] + 1 if before["progress"] == progress else 1
        self.write(".deaths", json.dumps({"times": times, "progress": progress}))
        return times

    def deaths(self) -> int:
        """How often the process that trained the run died since it last got further."""
        return self._deaths()["times"]

    def _deaths(self) -> dict[str, int]:
        try:
            return dict(json.loads((self.path / ".deaths").read_text()))
        except (OSError, json.JSONDecodeError):
            return {"times": 0, "progress": -1}

    def record(self) -> RunRecord | None:
        """The record of a run that is over, else None."""
        try:
            content = json.loads((self.path / "record.json").read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            return None
        known = {field.name for field in dataclasses.fields(RunRecord)}
        return RunRecord(**{name: value for name, value in content.items() if name in known})

    def config(self) -> Json | None:
        """The resolved config, or None where there is none."""
        try:
            config: Json = json.loads((self.path / "config.json").read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            return None
        return config


def finite(value: Any) -> Any:
    """The same data with None for numbers that are not finite, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _dump(content: Json) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _parse(line: str) -> Json | None:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None
