"""The cores that this process may use: fewer than the machine has under Slurm, in a container, or when it is bound."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN_GROUP = Path("/proc/self/cgroup")


def cores() -> int:
    """How many cores this process may use, at least one."""
    return min(count for count, _ in _limits())


def said() -> str:
    """The cores as a person reads them, with what limits them: `2 of 8 cores (the container's CPU quota)`."""
    limits = list(_limits())
    (count, why), machine = min(limits, key=lambda limit: limit[0]), limits[0][0]
    if count == machine:
        return f"{count} core{'s' if count > 1 else ''}"
    return f"{count} of {machine} cores ({why})"


def bound() -> set[int]:
    """The numbers of the machine's cores that this process is bound to; all where the system does not bind processes.

    A container's quota limits how long it may use them, not which they are.
    """
    if "sched_getaffinity" in dir(os):  # Linux
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _limits() -> Iterator[tuple[int, str]]:
    """The machine's cores, then each thing that allows fewer of them, with its name."""
    machine = os.cpu_count() or 1
    yield machine, "the machine's"
    yield len(bound()), "those that this process is bound to"
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if given.isdigit() and int(given):  # Slurm need not bind a job to its cores
        yield int(given), "SLURM_CPUS_PER_TASK"
    for quota in _quotas():
        yield max(1, math.floor(quota)), "the container's CPU quota"


def _quotas() -> Iterator[float]:
    """The quotas of the control groups that this process is in, in cores: Linux's versions 2 and 1."""
    try:
        lines = OWN_GROUP.read_text().splitlines()
    except OSError:
        return
    groups = {controllers: path.strip("/") for _, controllers, path in (line.split(":", 2) for line in lines)}
    for folder in _upwards(CGROUPS, groups.get("", "")):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        yield from _ratio(quota, period)
    cpu = next((path for controllers, path in groups.items() if "cpu" in controllers.split(",")), "")
    for folder in _upwards(CGROUPS / "cpu", cpu):
        yield from _ratio(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"))


def _upwards(root: Path, below: str) -> Iterator[Path]:
    """A control group's folder, where it can be seen, and those above it: in a container its own is the root."""
    folder = root / below
    while True:
        yield folder
        if folder == root:
            return
        folder = folder.parent


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _ratio(quota: str, period: str) -> Iterator[float]:
    """Quota by period, where there is a quota: `max` and -1 are none."""
    if quota.isdigit() and period.isdigit() and int(period):
        yield int(quota) / int(period)
