"""What was planned: one run of a study, as the study's plans hold it. A leaf, for who trains and who reports."""

import dataclasses
import json
import shlex
from pathlib import Path
from typing import Any

FOLDER = ".study"
"""In the study's directory: plans, the workers' states, and what was measured of stacks."""


@dataclasses.dataclass(frozen=True)
class Planned:
    """One run of a plan."""

    id: str
    signature: str
    config: dict[str, Any]
    overrides: list[str]
    """What the user would type for this run alone."""
    own: list[str] = dataclasses.field(default_factory=list)
    """The arguments that name the user's own config groups."""

    def command(self, study: Path) -> str:
        """The command that trains this run by itself, into the study."""
        quoted = [shlex.quote(override) for override in self.overrides]
        mode = ["hydra.mode=RUN"] if any(override.startswith("+study=") for override in self.overrides) else []
        return " ".join(["python -m rnnsweep", *map(shlex.quote, self.own), *quoted, *mode, f"out={study}"])


def read(path: Path) -> list[Planned]:
    """The runs of one plan's file."""
    return [Planned(**run) for run in json.loads(path.read_text(encoding="utf-8"))]


def published_file(study: Path) -> Path:
    """Where a study's directory holds the published numbers that the study is compared with, if it names any."""
    return study / FOLDER / "published.json"


def drawn_file(study: Path) -> Path:
    """Where a study's directory names the settings that its grid drew at random, if there are any."""
    return study / FOLDER / "drawn.json"


def files(study: Path) -> list[Path]:
    """The plans that were made in a study's directory, oldest first."""
    return sorted((study / FOLDER).glob("plan-*.json"), key=lambda file: file.stat().st_mtime)
