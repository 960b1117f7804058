"""Which execution is fastest for a program on this machine: measured once, and kept in the user's cache."""

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import json
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from rnnsweep import files
from rnnsweep.errors import MachineError
from rnnsweep.kernels import Execution
from rnnsweep.kernels.cache import folder, locked

SECONDS = 0.4  # of measuring candidates that are close, once each has run a few times
NOISE = 1.05
"""The first candidate is taken where none is faster by more than this."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """What is known of one program."""

    kernel: str
    milliseconds: dict[str, float]


Table = dict[str, Measured]

_chosen: Table = {}  # of this process, should the disk forget


def fastest(candidates: Sequence[Execution], program: Any, step: Callable[[Execution], object]) -> Execution:
    """The candidate with the shortest `step`, the first one where it is a tie; measured if this machine has not yet.

    `program` says in plain data what is executed. The answer stays the same as long as it, the processor, torch,
    Numba and the threads do, so that a run resumed continues with the arithmetic that it began with.
    """
    if len(candidates) == 1:
        return candidates[0]
    key = hashlib.sha256(json.dumps([_machine(), torch.get_num_threads(), program]).encode()).hexdigest()[:24]
    if key not in _chosen:
        with locked("choice"):  # so that workers neither measure the same nor disturb each other
            known = _known()
            if key not in known:
                known[key] = _measured(candidates, step)
                _keep(known)
            _chosen[key] = known[key]
    return next((candidate for candidate in candidates if candidate == _chosen[key].kernel), candidates[0])


def _measured(candidates: Sequence[Execution], step: Callable[[Execution], object]) -> Measured:
    """The shortest time of each, in turn, so that what else the machine does meets all alike."""
    for candidate in candidates:
        step(candidate)  # compiles, and takes its memory
    shortest, begun, rounds = dict.fromkeys(candidates, float("inf")), time.perf_counter(), 0
    while rounds < 3 or (_close(shortest) and time.perf_counter() - begun < SECONDS and rounds < 50):
        for candidate in candidates:
            start = time.perf_counter()
            step(candidate)
            shortest[candidate] = min(shortest[candidate], time.perf_counter() - start)
        rounds += 1
    best = min(shortest.values())
    kernel = next(candidate for candidate in candidates if shortest[candidate] <= NOISE * best)
    return Measured(kernel, {name: 1e3 * seconds for name, seconds in shortest.items()})


def _close(shortest: dict[Execution, float]) -> bool:
    """Whether more measuring could change the order."""
    fast, slow = sorted(shortest.values())[:2]
    return slow < 1.5 * fast


def _known() -> Table:
    with contextlib.suppress(MachineError):  # a file that cannot be read costs the time of measuring
        return files.read(folder() / "kernels.json", Table) or {}
    return {}


def _keep(table: Table) -> None:
    content = json.dumps({key: dataclasses.asdict(measured) for key, measured in table.items()})
    with contextlib.suppress(MachineError):  # a full disk costs the next process the time of measuring
        files.write(folder() / "kernels.json", content, synced=False)


@functools.cache
def _machine() -> list[str]:
    """The processor and the versions of what computes on it."""
    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line.split(":", 1)[1].strip() for line in information.read_text().splitlines() if ":" in line]
        cpu = next((name for name in names if "CPU" in name or "Processor" in name), cpu)
    return [cpu, platform.node(), torch.__version__, importlib.metadata.version("numba")]
