"""The numbers of a paper that a study is compared with, as its YAML names them; the report reads them as a file."""

import dataclasses
import json
from pathlib import Path

from rnnsweep.config import Config, checked
from rnnsweep.errors import ConfigError
from rnnsweep.planned import published_file

KEY = "hydra.sweeper.published"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Value:
    """One published number; it is reproduced where all that is stated of it holds for our mean over seeds."""

    where: Config
    """The settings, by key, that it is about."""
    value: float
    band: float | None = None
    """Ours is at most this far away."""
    at_most: bool = False
    """Ours is no larger."""
    at_least: bool = False
    """Ours is no smaller."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Published:
    source: str
    """Paper, table and page."""
    metric: str
    """Of ours, at the setting that is best on validation: test/loss, or last:val/loss for what the last step
    left."""
    values: list[Config] = dataclasses.field(default_factory=list)
    """Each a Value; none where the paper states orders alone."""
    orders: list[list[Config]] = dataclasses.field(default_factory=list)
    """Orders that the paper finds: lists of settings, the best first."""
    differs: str = ""
    """Where our setting is another."""
    needs: list[str] = dataclasses.field(default_factory=list)
    """Settings, such as task.path, without which our data are others: nothing is judged where one is null."""


def read(content: Config) -> Config:
    """The content with every value checked.

    Raises:
        ConfigError: a name or a type is wrong.
    """
    found = checked(Published, content, KEY)
    for number, value in enumerate(found["values"]):
        found["values"][number] = checked(Value, value, f"{KEY}.values[{number}]")
    if not found["values"] and not found["orders"]:
        raise ConfigError(f"{KEY}.values", "expected at least one published number, or one of `orders`")
    return found


def tell(content: Config, study: Path) -> None:
    """Leaves the numbers where the report finds them."""
    file = published_file(study)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=1), encoding="utf-8")
