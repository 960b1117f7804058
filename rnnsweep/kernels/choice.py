"""Which execution a program gets on this machine: measured once, and kept in the user's cache and in each study.

It decides the last digits of a run. So it does not depend on how many members a stack has, or how many threads there
are, and only executions are chosen that give a member the same numbers in a stack of any size.
"""

import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from rnnsweep.errors import tell_once
from rnnsweep.kernels import Execution, fused, threads
from rnnsweep.kernels.cache import keep, known, locked, machine

MEMBERS = 16  # of the stack that is measured beside a run alone
LONGEST = 0.2  # seconds of a step of that stack: larger models are measured, and compared, in smaller ones
ROUNDS = 5  # that each candidate runs at least
SECONDS = 0.4  # of measuring candidates that are close, after these rounds
NOISE = 1.05
"""The first candidate is taken where none is faster by more than this."""


@runtime_checkable
class Steps(Protocol):
    """What is measured: see rehearsal.py."""

    def step(self, kernel: Execution, members: int) -> None: ...

    def numbers(self, kernel: Execution, members: int) -> Tensor: ...


@dataclasses.dataclass(frozen=True)
class Measured:
    """What is known of one program."""

    kernel: Execution
    milliseconds: dict[str, float]
    """A member's share of a step, by the execution and the number of members."""


Choices = dict[str, Measured]
FILE = "kernels.json"

_chosen: Choices = {}  # of this process, in case the disk does not keep them


def decided(together: Execution, program: Any, steps: Steps, study: Path | None = None) -> Execution:
    """How a program is executed: the study's answer if it has one, else the user's, else what is measured now.

    Args:
        together: the execution of members that run as one program. The other candidate is `library`, in turn.
        program: says in plain data what is executed.
        steps: what is measured.
        study: the folder that keeps the answer for all workers of a study.
    """
    if fused.missing() is not None:
        tell_once(f"{fused.missing()}, so torch runs the recurrent layers, more slowly; pip install 'rnnsweep[fused]'")
    key = hashlib.sha256(json.dumps([machine(), together, program]).encode()).hexdigest()[:24]
    if study is None:
        return _of_user(key, together, steps).kernel
    with locked("kernels", study):
        table = known(FILE, Choices, study)
        if key not in table:
            table[key] = _of_user(key, together, steps)
            keep(FILE, table, study)
        return table[key].kernel


def _of_user(key: str, together: Execution, steps: Steps) -> Measured:
    if key not in _chosen:
        with locked("choice"):  # so that workers do not measure the same shape or disturb each other
            table = known(FILE, Choices)
            if key not in table:
                with threads.sharing(1):
                    table[key] = _measured(together, steps)
                keep(FILE, table)
            _chosen[key] = table[key]
    return _chosen[key]


def _measured(together: Execution, steps: Steps) -> Measured:
    """`together` where it is fast and a member's numbers are the same in every stack, else `library`.

    With `library` a member of a stack takes as long as it does alone. `together` is fast if the geometric mean of a
    step alone and of a member's share of a stack's step is not longer than a step with `library`. One thread is
    measured, in processor time: other programs do not count.
    """
    steps.step("library", 1)  # takes its memory
    members = min(MEMBERS, max(2, int(LONGEST / _seconds(steps, "library", 1))))
    if not _is_steady(together, steps, members):
        return Measured("library", {})
    cases: list[Case] = [("library", 1), (together, 1), (together, members)]
    alone, single, stack = (seconds / case[1] for case, seconds in _shortest(steps, cases).items())
    kernel: Execution = together if math.sqrt(single * stack) <= NOISE * alone else "library"
    shares = {"library": alone, together: single, f"{together} of {members}": stack}
    return Measured(kernel, {name: 1e3 * seconds for name, seconds in shares.items()})


def _is_steady(kernel: Execution, steps: Steps, members: int) -> bool:
    """Whether a member's numbers are the same, bit by bit, alone and in a stack.

    Not so where torch.vmap refuses an operation, or the memory does not suffice for a stack.
    """
    try:
        alone, stacked = (steps.numbers(kernel, size).numpy().tobytes() for size in (1, members))
    except Exception:  # each operation raises its own
        return False
    return alone == stacked


Case = tuple[Execution, int]


def _shortest(steps: Steps, cases: Sequence[Case]) -> dict[Case, float]:
    """The shortest time of each. They run in turn, so that other programs disturb all of them alike."""
    shortest, begun, rounds = dict.fromkeys(cases, math.inf), time.process_time(), 0
    while rounds < ROUNDS or (_close(shortest) and time.process_time() - begun < SECONDS and rounds < 50):
        for case in cases:
            shortest[case] = min(shortest[case], _seconds(steps, *case))
        rounds += 1
    return shortest


def _seconds(steps: Steps, kernel: Execution, members: int) -> float:
    start = time.process_time()
    steps.step(kernel, members)
    return time.process_time() - start


def _close(shortest: dict[Case, float]) -> bool:
    """Whether more measuring could change the order."""
    alone, single, stack = (seconds / members for (_, members), seconds in shortest.items())
    return 2 / 3 < math.sqrt(single * stack) / alone < 3 / 2
