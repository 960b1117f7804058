"""SIGINT, SIGTERM, SIGHUP and their like as a request: the loop ends its step, writes a checkpoint and raises."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rnnsweep.system import SIGNALS


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
    """The first signal that came, if any.

    A Ctrl-C after it raises at once: somebody does not want to wait. The other signals come several times without
    such a meaning, as from `timeout`, from Slurm or from a session that closes, and the checkpoint goes before them.
    """

    signum: int | None = None

    def handle(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is None:
            self.signum = signum
        elif signum == signal.SIGINT:
            raise Interrupted(signum)


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Inside the block the signals set the request and do not end the process.

    A signal that is ignored, as SIGHUP is under nohup, stays ignored.
    """
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
            signal.signal(signum, handler or signal.SIG_DFL)  # None: a handler that was not set from Python
