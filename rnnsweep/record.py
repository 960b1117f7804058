"""The run store: one directory is one run. The only module that knows a run's files.

config.json     the resolved config, the code       metrics.jsonl   a row for each log and evaluation
best.pt         the weights of the best validation  last.pt         all that a resume needs
record.json     the outcome, written last           samples.md      what the model wrote, if it writes
curves.png      loss, perplexity, gradient norm
"""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, Literal

from rnnsweep import files, locks, shapes
from rnnsweep.errors import tell_once
from rnnsweep.rows import Rows
from rnnsweep.shapes import Json as Json

Status = Literal["complete", "diverged", "failed", "pruned"]
Number = bool | int | float | None
"""What a metric may be; None where it is not finite."""


@dataclasses.dataclass(frozen=True)
class Declaration:
    """What a task says of one of its metrics."""

    unit: str
    direction: Literal["min", "max"] | None
    """Which way is better; None: a reference value, by which nothing is compared."""
    chance: float | None = None
    """What the best constant answer reaches; None: not known."""


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
    declared: dict[str, Declaration] = dataclasses.field(default_factory=dict)
    """Each metric by its name without the split. Empty where the run failed, and in records from before metrics were
    declared."""
    share_seconds: float | None = None
    """Its share of the seconds, beside the runs that trained with it; None in records from before it was counted."""

    sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    """Bytes of metrics.jsonl and best.pt when the run ended; empty in records from before they were noted."""


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
        self._rows = Rows(path / "metrics.jsonl")

    def claim(self) -> bool:
        """Makes the directory and locks it; False while another process holds it.

        Raises:
            MachineError: the directory cannot be made, locked or written.
        """
        files.make(self.path)
        self._lock = locks.take(self.path / ".lock")
        if self._lock is None:
            return False
        for torn in self.path.glob(".*.partial"):  # of a process that was killed while it wrote
            files.delete(torn)
        return True

    def held(self) -> bool:
        """Whether a process holds the claim; asks without making or writing anything."""
        return locks.is_taken(self.path / ".lock")

    def release(self) -> None:
        """Gives the claim back."""
        self._rows.close()
        if self._lock is not None:
            self._lock.release()
        self._lock = None

    def begin(self, config: Json, about: Json | None = None) -> None:
        """Writes the resolved config; an earlier record, of a try that failed, goes.

        Args:
            config: the settings.
            about: what else is known at the start, by the names in `ABOUT`.
        """
        self.remove("record.json")
        self.write("config.json", _dump(config | (about or {})), synced=False)  # the next try writes it again

    def failed(self) -> bool:
        """Whether the run is over because it failed."""
        record = self.record()
        return record is not None and record.status == "failed"

    def forget_failure(self, *, anew: bool = False) -> None:
        """Removes the record of a failed run, so that the run is tried again.

        Args:
            anew: it starts over; else it goes on from its last checkpoint.
        """
        if self.failed() and self.claim():
            try:
                if not self.failed():  # asked again: before the claim another process may have trained the run
                    return
                if anew:
                    self.clear()
                else:
                    self.remove("record.json")
            finally:
                self.release()

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
        files.delete(self.path / name)

    def write(self, name: str, content: files.Content, *, synced: bool = True) -> None:
        """Writes a whole file atomically: text, or what the function writes into the open file; see `files.write`."""
        files.write(self.path / name, content, synced=synced)

    # The rows ------------------------------------------------------------------------------------------------

    def log(self, step: int, split: str, metrics: Json) -> None:
        """Appends a row to metrics.jsonl; numbers that are not finite become null."""
        self._rows.append(finite({"step": step, "split": split} | metrics))

    def sync(self) -> None:
        """Makes the rows survive a loss of power; before a checkpoint that counts on them is written."""
        self._rows.sync()

    def rewind(self, size: int) -> None:
        """Cuts metrics.jsonl to its first `size` bytes, the length when a checkpoint was written."""
        self._rows.rewind(size)

    def are_whole(self, size: int) -> bool:
        """Whether the first `size` bytes of metrics.jsonl are rows, none of them damaged."""
        return self._rows.are_whole(size)

    @property
    def size(self) -> int:
        """Bytes of metrics.jsonl."""
        return self._rows.size

    def rows(self) -> list[Json]:
        """The rows of metrics.jsonl, without those that a kill cut short or something damaged."""
        return self._rows.read()

    # The outcome ---------------------------------------------------------------------------------------------

    def finish(self, record: RunRecord) -> None:
        """Writes the record: the run is over.

        Raises:
            TypeError: it holds what a record cannot, such as a metric that is a text.
            MachineError: the system does not let us.
        """
        text = _dump(finite(dataclasses.asdict(record)))
        if files.parsed(text.encode(errors="replace"), RunRecord, _sound) is None:  # it would count as damaged
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
        return files.read(self.path / "record.json", RunRecord, _sound)

    def outcome(self) -> RunRecord | None:
        """The record of a run that needs no more work.

        None also where best.pt is not what it was: the run then goes on from last.pt, which writes both again. That
        metrics.jsonl is not what it was is only said, for the record does not need it.
        """
        record = self.record()
        now, then = self.sizes(), record.sizes if record else {}
        changed = [name for name, size in now.items() if size != then.get(name, size)]
        for name in changed:
            path = files.shown(self.path / name)
            tell_once(f"{path} is damaged: {now[name]:,} bytes, and {then[name]:,} when the run ended")
        return None if "best.pt" in changed else record

    def sizes(self) -> dict[str, int]:
        """The bytes of what a run leaves beside its record, of the files that are there: they may be deleted."""
        paths = [self.path / name for name in ("metrics.jsonl", "best.pt")]
        return {path.name: path.stat().st_size for path in paths if path.exists()}

    def config(self) -> Json | None:
        """The resolved config, in place of a damaged one that of the record; None where there is none."""
        content = self._config()
        if content is None:
            record = self.record()
            return record.config if record else None
        return {name: value for name, value in content.items() if name not in ABOUT}

    def about(self) -> Json:
        """What config.json holds beside the settings, by the names in `ABOUT`; in a directory from before, nothing."""
        content = self._config() or {}
        return {name: content[name] for name in ABOUT if name in content}

    def _config(self) -> Json | None:
        return files.read(self.path / "config.json", Json, lambda content: shapes.holds(content, shapes.CONFIG))


ABOUT = ("fingerprint", "code")
"""What config.json holds beside the settings: the run's fingerprint, and the code that it was begun with."""


def _sound(record: RunRecord) -> bool:
    return shapes.holds(record.config, shapes.CONFIG) and shapes.holds(record.environment, shapes.ENVIRONMENT)


def finite(value: Any) -> Any:
    """The same data with None for numbers that are not finite, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _dump(content: Json) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
