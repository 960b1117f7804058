"""Serves the live view of one study, on this machine alone."""

import errno
import json
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rnnsweep.errors import ConfigError, ToldError
from rnnsweep.web.watched import Watched

HERE = Path(__file__).parent
ADDRESS = "127.0.0.1"
FIRST_PORT = 8321
"""The first port that is tried if none is asked for."""
TRIED_PORTS = 20

PAGES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
"""All files that are served. No path of a request is looked up on the disk."""

ALLOWED = ("script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src data:")
POLICY = "; ".join(["default-src 'none'", *ALLOWED, "base-uri 'none'", "form-action 'none'"])
STATE_SECONDS = 1.0  # a state is as fresh as that, however many pages ask


class Server(ThreadingHTTPServer):
    """One study's page.

    Args:
        study: the study's directory.
        port: the port; 0: one that the system chooses.

    Raises:
        ConfigError: the directory is not that of a study.
        OSError: the port is taken.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, study: Path, port: int):
        self._watched, self._lock = Watched(study), threading.Lock()
        self._state, self._at = self._watched.state(), time.monotonic()
        super().__init__((ADDRESS, port), Handler)

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_address[1]}/"

    def state(self) -> bytes:
        """The state as JSON; an error that a user can read stands in its place."""
        with self._lock:
            if time.monotonic() - self._at > STATE_SECONDS:
                try:
                    self._state = self._watched.state()
                except ToldError as error:
                    self._state = {"error": str(error)}
                self._at = time.monotonic()
            return json.dumps(self._state).encode()


class Handler(BaseHTTPRequestHandler):
    """Answers GET for the page and its state, and nothing else."""

    server: Server

    def do_GET(self) -> None:
        # a page of another site may name this machine by a host of its own, and must not read what is here
        if (self.headers.get("Host") or "").rpartition(":")[0] not in (ADDRESS, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN, "this page is served to this machine alone")
        elif self.path == "/state":
            self._answer(self.server.state(), "application/json")
        elif self.path in PAGES:
            name, kind = PAGES[self.path]
            self._answer((HERE / name).read_bytes(), kind)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _answer(self, content: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """No line for a request: there is one every two seconds."""


def opened(study: Path, port: int | None) -> Server:
    """The server of a study's page.

    Args:
        study: the study's directory.
        port: the port that was asked for; None: the first free one from FIRST_PORT on.

    Raises:
        ConfigError: the directory is not that of a study, or the port is taken.
    """
    for each in [port] if port is not None else range(FIRST_PORT, FIRST_PORT + TRIED_PORTS):
        try:
            return Server(study, each)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            said = error.strerror
    raise ConfigError("--port", f"{said}; choose another, or 0 for one that is free")
