"""Texts to model, read from a file or from Python itself."""

import dataclasses
import functools
import hashlib
from pathlib import Path

from rnnsweep.types import ConfigError


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A text, where it came from, and the SHA-256 of its bytes."""

    text: str
    source: str
    sha256: str


@functools.lru_cache(maxsize=4)
def load(path: str | None) -> Corpus:
    """The text of a UTF-8 file, line ends as \\n; None: the reference text that comes with this Python.

    Raises:
        ConfigError: names `task.text` when the file is missing, a directory, empty, or not text.
    """
    if path is None:
        return _python_topics()
    try:
        content = Path(path).expanduser().read_bytes()
    except FileNotFoundError:
        raise ConfigError("task.text", f"there is no file `{path}`") from None
    except IsADirectoryError:
        raise ConfigError("task.text", f"`{path}` is a directory; give one text file") from None
    except OSError as error:
        raise ConfigError("task.text", f"cannot read `{path}`: {error.strerror}") from None
    return Corpus(_decode(path, content), path, hashlib.sha256(content).hexdigest())


def _decode(path: str, content: bytes) -> str:
    if b"\0" in content[:65536]:
        raise ConfigError("task.text", f"`{path}` is a binary file; expected UTF-8 text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"`{path}` is not UTF-8 (byte {error.start} is 0x{content[error.start]:02x}); convert it first"
        raise ConfigError("task.text", problem) from None
    if not text.strip():
        raise ConfigError("task.text", f"`{path}` is empty")
    return text.replace("\r\n", "\n")


def _python_topics() -> Corpus:
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics))
    return Corpus(text, "pydoc_data.topics", hashlib.sha256(text.encode()).hexdigest())
