"""The run store: the directory of one run, who holds it, and what is in it."""

import dataclasses
import json
from pathlib import Path

from rnnsweep import files, locks, shapes
from rnnsweep.errors import tell_once
from rnnsweep.record import deaths, outcome
from rnnsweep.record.outcome import RunRecord
from rnnsweep.record.text import finite, json_text
from rnnsweep.rows import Rows
from rnnsweep.shapes import Json

ABOUT = ("fingerprint", "code")
"""What config.json holds beside the settings: the run's fingerprint, and the code that it was begun with."""


class RunStore:
    """The files of one run. Claim it before you write: the claim dies with the process that holds it.

    Args:
        path: the run's directory, which `claim` makes.
    """

    def __init__(self, path: Path):
        self.path = path
        self._lock: locks.Lock | None = None
        self._rows = Rows(path / "metrics.jsonl")

    # The claim -----------------------------------------------------------------------------------------------

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
        """Whether a process holds the claim. Nothing is made or written to find out."""
        return locks.is_taken(self.path / ".lock")

    def release(self) -> None:
        """Gives the claim back."""
        self._rows.close()
        if self._lock is not None:
            self._lock.release()
        self._lock = None

    # All files -----------------------------------------------------------------------------------------------

    def write(self, name: str, content: files.Content, *, synced: bool = True) -> None:
        """Writes a whole file atomically: text, or what the function writes into the open file; see `files.write`."""
        files.write(self.path / name, content, synced=synced)

    def remove(self, name: str) -> None:
        """Deletes a file, where there is one.

        Raises:
            MachineError: the system does not let us.
        """
        files.delete(self.path / name)

    def clear(self) -> None:
        """Deletes all earlier results of a claimed run that is trained anew.

        The checkpoint goes first: after a kill in between nothing goes on from it.
        """
        names = [file.name for file in self.path.iterdir() if file.is_file() and file.name != ".lock"]
        for name in ("last.pt", "record.json", *names):
            self.remove(name)

    def renew(self, generation: int) -> None:
        """Deletes all earlier results and notes how often the run was trained anew, this time included."""
        self.clear()
        self.write(".generation", str(generation))

    def generation(self) -> int:
        """How often the run was trained anew by rerun=true."""
        return files.read(self.path / ".generation", int) or 0

    # config.json ---------------------------------------------------------------------------------------------

    def begin(self, config: Json, about: Json | None = None) -> None:
        """Writes the resolved config, and deletes the record of an earlier try that failed.

        Args:
            config: the settings.
            about: what else is known at the start, by the names in `ABOUT`.
        """
        self.remove("record.json")
        self.write("config.json", json_text(config | (about or {})), synced=False)  # the next try writes it again

    def config(self) -> Json | None:
        """The resolved config. In place of a damaged one it is that of the record; None where there is none either."""
        content = self._config()
        if content is None:
            record = self.record()
            return record.config if record else None
        return {name: value for name, value in content.items() if name not in ABOUT}

    def about(self) -> Json:
        """What config.json holds beside the settings, by the names in `ABOUT`; earlier versions wrote nothing."""
        content = self._config() or {}
        return {name: content[name] for name in ABOUT if name in content}

    def _config(self) -> Json | None:
        return files.read(self.path / "config.json", Json, lambda content: shapes.holds(content, shapes.CONFIG))

    # metrics.jsonl -------------------------------------------------------------------------------------------

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
        text = outcome.written(record)
        self.remove(".deaths")
        self.write("record.json", text)

    def record(self) -> RunRecord | None:
        """The record of a run that is over, else None; a damaged one counts as none, which is said once."""
        return outcome.read(self.path / "record.json")

    def outcome(self) -> RunRecord | None:
        """The record of a run that needs no more work.

        It is None also where best.pt has another size than at the end: the run then goes on from last.pt, which writes
        both again. A metrics.jsonl of another size is only reported, for the record does not need it.
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

    def failed(self) -> bool:
        """Whether the run is over because it failed."""
        record = self.record()
        return record is not None and record.status == "failed"

    def forget_failure(self, *, anew: bool = False) -> None:
        """Deletes the record of a failed run, so that the run is tried again.

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

    def died(self) -> int:
        """Notes that the process which trained the run died without an error message.

        Returns:
            How often that happened since the run's last checkpoint.
        """
        now = deaths.counted(deaths.read(self.path / ".deaths"), self.path / "last.pt")
        self.write(".deaths", json.dumps(dataclasses.asdict(now)))
        return now.times

    def deaths(self) -> int:
        """How often that process died without an error message, since the checkpoint before its last death."""
        return deaths.read(self.path / ".deaths").times
