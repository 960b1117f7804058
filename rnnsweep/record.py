"""The run store: one directory is one run. The only module that knows a run's files.

config.json     the resolved config                 metrics.jsonl   a row for each log and evaluation
best.pt         the weights of the best validation  last.pt         all that a resume needs
record.json     the outcome, written last           samples.md      what the model wrote, if it writes
curves.png      loss, perplexity, gradient norm
"""

import dataclasses
import io
import json
import math
import os
from pathlib import Path
from typing import Any, Literal

from rnnsweep import files, locks
from rnnsweep.errors import tell_once

Status = Literal["complete", "diverged", "failed", "pruned"]
Json = dict[str, Any]
Number = bool | int | float | None
"""What a metric may be; None where it is not finite."""


@dataclasses.dataclass(frozen=True)
class RunRecord:
    """The outcome of a run, as record.json holds it."""

    run: str
    status: Status
    metrics: dict[str, Number]
    """The last values, as in `val/loss`; None where a number is not finite."""
    best: dict[str, Number]
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


@dataclasses.dataclass(frozen=True)
class Deaths:
    """How often the process that trained a run died without a word, since the run last got further."""

    times: int = 0
    progress: int = -1
    """The bytes of metrics.jsonl at the last death."""


class RunStore:
    """The files of one run. Claim it before writing: the claim dies with the process that holds it."""

    def __init__(self, path: Path):
        self.path = path
        self._lock: locks.Lock | None = None
        self._rows: io.FileIO | None = None

    def claim(self) -> bool:
        """Makes the directory and locks it; False while another process holds it.

        Raises:
            MachineError: the directory cannot be made, locked or written.
        """
        with files.faults(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        self._lock = locks.take(self.path / ".lock")
        if self._lock is None:
            return False
        with files.faults(self.path):
            for torn in self.path.glob(".*.partial"):  # of a process that was killed while it wrote
                torn.unlink(missing_ok=True)
        return True

    def held(self) -> bool:
        """Whether a process holds the claim; asks without making or writing anything."""
        return locks.is_taken(self.path / ".lock")

    def release(self) -> None:
        """Gives the claim back."""
        if self._rows is not None:
            self._rows.close()
        if self._lock is not None:
            self._lock.release()
        self._rows = self._lock = None

    def begin(self, config: Json, about: Json | None = None) -> None:
        """Writes the resolved config; an earlier record, of a try that failed, goes.

        Args:
            config: the settings.
            about: what else is known at the start, by the names in `ABOUT`.
        """
        self.remove("record.json")
        self.write("config.json", _dump(config | (about or {})), synced=False)  # the next try writes it again

    def forget_failure(self) -> None:
        """Removes the record of a failed run, so that the run is tried again."""
        if self._failed() and self.claim():
            try:
                if self._failed():  # read again: before the claim another process may have trained the run
                    self.remove("record.json")
            finally:
                self.release()

    def _failed(self) -> bool:
        record = self.record()
        return record is not None and record.status == "failed"

    def clear(self) -> None:
        """Forgets all earlier results of this run; for a claimed run that is trained anew.

        The checkpoint goes first, so that after a kill in the midst nothing goes on from it.
        """
        names = [file.name for file in self.path.iterdir() if file.is_file() and file.name != ".lock"]
        for name in ("last.pt", "record.json", *names):
            self.remove(name)

    def renew(self, generation: int) -> None:
        """Forgets all earlier results and notes how often the run was trained anew, this time included."""
        self.clear()
        self.write(".generation", str(generation))

    def generation(self) -> int:
        """How often the run was trained anew by rerun=true."""
        return files.read(self.path / ".generation", int) or 0

    def remove(self, name: str) -> None:
        """Deletes a file, where there is one.

        Raises:
            MachineError: the system does not let us.
        """
        with files.faults(self.path / name, "deleted"):
            (self.path / name).unlink(missing_ok=True)

    def write(self, name: str, content: files.Content, *, synced: bool = True) -> None:
        """Writes a whole file atomically: text, or what the function writes into the open file; see `files.write`."""
        files.write(self.path / name, content, synced=synced)

    # The rows ------------------------------------------------------------------------------------------------

    @property
    def _table(self) -> Path:
        return self.path / "metrics.jsonl"

    def log(self, step: int, split: str, metrics: Json) -> None:
        """Appends a row to metrics.jsonl; numbers that are not finite become null.

        Raises:
            MachineError: the row cannot be written; the file is as long as before.
        """
        row = json.dumps(finite({"step": step, "split": split} | metrics)) + "\n"
        with files.faults(self._table):
            if self._rows is None:
                self._rows = open(self._table, "ab", buffering=0)  # noqa: SIM115  open as long as the claim
            files.append(self._rows, row.encode())

    def sync(self) -> None:
        """Makes the rows survive a loss of power; before a checkpoint that counts on them is written."""
        if self._rows is not None:
            with files.faults(self._table):
                os.fdatasync(self._rows.fileno())

    def rewind(self, size: int) -> None:
        """Cuts metrics.jsonl to its first `size` bytes, the length when a checkpoint was written."""
        if self._table.exists():
            with files.faults(self._table):
                os.truncate(self._table, min(size, self.size))

    @property
    def size(self) -> int:
        """Bytes of metrics.jsonl."""
        return self._table.stat().st_size if self._table.exists() else 0

    def rows(self) -> list[Json]:
        """The rows of metrics.jsonl. One that a kill cut short is left out; so is a damaged one, and that is said."""
        try:
            lines = self._table.read_bytes().split(b"\n")
        except files.ABSENT:
            return []
        parsed = [_row(line) for line in lines[:-1]]  # what follows the last line's end was cut short
        rows = [row for row in parsed if row is not None]
        if damaged := len(parsed) - len(rows):
            tell_once(f"{self._table}: {damaged} of {len(parsed)} rows are damaged; they are left out")
        return rows

    # The outcome ---------------------------------------------------------------------------------------------

    def finish(self, record: RunRecord) -> None:
        """Writes the record: the run is over.

        Raises:
            TypeError: it holds what a record cannot, such as a metric that is a text.
            MachineError: the system does not let us.
        """
        text = _dump(finite(dataclasses.asdict(record)))
        if files.parsed(text.encode(errors="replace"), RunRecord) is None:  # it would count as damaged
            raise TypeError(f"the outcome of {record.run} holds what a record cannot, such as a metric that is a text")
        self.remove(".deaths")
        self.write("record.json", text)

    def died(self) -> int:
        """Notes that the process which trained the run died without a word; returns how often, without progress.

        A death after the run got further than at the one before counts as the first: a machine that goes down now
        and then must not fail a run.
        """
        before = self._deaths()
        progress = self.size
        times = before.times + 1 if before.progress == progress else 1
        self.write(".deaths", json.dumps({"times": times, "progress": progress}))
        return times

    def deaths(self) -> int:
        """How often the process that trained the run died since it last got further."""
        return self._deaths().times

    def _deaths(self) -> Deaths:
        return files.read(self.path / ".deaths", Deaths) or Deaths()

    def record(self) -> RunRecord | None:
        """The record of a run that is over, else None; a damaged one counts as none, which is said once."""
        return files.read(self.path / "record.json", RunRecord)

    def config(self) -> Json | None:
        """The resolved config, or None where there is none."""
        content = files.read(self.path / "config.json", Json)
        return content and {name: value for name, value in content.items() if name not in ABOUT}

    def about(self) -> Json:
        """What config.json holds beside the settings, by the names in `ABOUT`; in a directory from before, nothing."""
        content = files.read(self.path / "config.json", Json) or {}
        return {name: content[name] for name, kind in ABOUT.items() if isinstance(content.get(name), kind)}


ABOUT: dict[str, type] = {"fingerprint": str, "code": dict}
"""What config.json holds beside the settings: the run's fingerprint, and the code that it was begun with."""


def finite(value: Any) -> Any:
    """The same data with None for numbers that are not finite, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _dump(content: Json) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _row(line: bytes) -> Json | None:
    """A row: a step, a split and numbers; None where it is damaged."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or type(row.get("step")) is not int or row.get("split") not in SPLITS:
        return None
    numbers = (value for name, value in row.items() if name != "split")
    return row if all(isinstance(number, int | float | None) for number in numbers) else None


SPLITS = ("train", "val", "test")
