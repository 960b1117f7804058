"""Failed runs as a person reads them: runs that failed alike are told once."""

from collections.abc import Callable, Iterable

from rnnsweep.errors import last_line
from rnnsweep.record import RunRecord


def message(error: str | None) -> str:
    """The line of a traceback that says what happened."""
    return last_line(error) or "no error was kept"


def cause(record: RunRecord) -> str:
    """What is equal for runs that failed alike: the error's last line without the run's own name."""
    return message(record.error).replace(record.run, "…")


def alike(failures: Iterable[RunRecord]) -> list[list[RunRecord]]:
    """The failures, those of one cause together."""
    found: dict[str, list[RunRecord]] = {}
    for record in failures:
        found.setdefault(cause(record), []).append(record)
    return list(found.values())


def failure_lines(failures: Iterable[RunRecord], rerun: Callable[[str], str]) -> list[str]:
    """For each cause the number of runs, one of them, and how to try it again.

    Args:
        failures: the records of the runs that failed.
        rerun: from a run's id to what is said of how to try it again.
    """
    lines = []
    for records in alike(failures):
        first = records[0]
        which = first.run if len(records) == 1 else f"{len(records)} runs such as {first.run}"
        lines += ["", f"failed: {which}: {message(first.error)}", f"  rerun: {rerun(first.run)}"]
    return lines
