"""How workers work."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class WorkOptions:
    """How workers work; nothing of it changes what a run computes."""

    stack: int | Literal["auto"] = "auto"
    """Runs of one shape that are trained as one program; auto: as many as a measured probe says."""
    threads: int = 1
    """Threads of each worker; 0: one for each core that the worker may use."""
    on_error: Literal["continue", "stop"] = "continue"
    """What the workers do after a run has failed."""
    workers: int = 1
    """How many share the plan: none takes more than its share of the runs of one shape."""
    resume_changed: bool = False
    """Whether interrupted runs go on though their code has changed."""
