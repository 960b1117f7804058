"""SIGINT and SIGTERM as a request: the loop ends its step, writes a checkpoint and raises."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal asked the process to end; a KeyboardInterrupt so that nothing on the way swallows it."""

    def __init__(self, signum: int):
        super().__init__()
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal ended."""
        return 128 + self.signum


class StopRequest:
    """Whether a signal came; a second one raises at once."""

    signum: int | None = None

    def handle(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is not None:
            raise Interrupted(signum)
        self.signum = signum


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Inside the block the signals set the request and do not end the process."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():  # only the main thread hears signals
        yield request
        return
    heard = [signum for signum in SIGNALS if signal.getsignal(signum) != signal.SIG_IGN]
    before = {signum: signal.signal(signum, request.handle) for signum in heard}
    try:
        yield request
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
