"""What a user did that cannot be done."""

import contextlib
import functools
import sys


class ConfigError(Exception):
    """A setting that cannot be used: `key` names it as in `task.text`, `problem` says why and what to do.

    `others` are settings that may be at fault in its place; the message names the one that the user typed.
    """

    def __init__(self, key: str, problem: str, others: tuple[str, ...] = ()):
        super().__init__(f"{key}: {problem}")
        self.keys, self.problem = (key, *others), problem


@functools.cache
def tell_once(message: str) -> None:
    """Says one line on stderr, once in a process and in those that are forked from it."""
    with contextlib.suppress(OSError, ValueError):  # a closed stderr must not end a run
        print(f"rnnsweep: {message}", file=sys.stderr, flush=True)
