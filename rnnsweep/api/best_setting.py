"""A setting that was chosen, as a command and as a study that train it with fresh seeds."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from rnnsweep import planned
from rnnsweep.api.compose import described
from rnnsweep.cli import CONF
from rnnsweep.config import Config
from rnnsweep.errors import ConfigError
from rnnsweep.interpolation import resolved
from rnnsweep.override_text import typed
from rnnsweep.ranking import GROUPS, RankedSetting
from rnnsweep.record import RunStore
from rnnsweep.run import identify, validated


@dataclasses.dataclass(frozen=True)
class BestSetting:
    """A chosen setting: how it differs from the defaults."""

    name: str
    """Of the study in which fresh seeds are trained."""
    seeds: range
    own: list[str]
    """The words that name the user's folders of configs."""
    choices: dict[str, str]
    """The groups whose choice is not the default, such as `{"cell": "lstm"}`."""
    settings: dict[str, Any]
    """The settings that are not those of their choice, by key."""

    @classmethod
    def of(cls, study: Path, setting: RankedSetting, seeds: range) -> "BestSetting":
        """The setting of some runs of a study. It is composed again, to check that it gives the same run.

        Raises:
            ConfigError: it cannot be composed anew.
        """
        record = setting.records[0]
        own = _own(study, record.run, record.config.get("packages", []))
        usual = described(*own)["choices"]
        differ = record.config["choices"].items() - usual.items()
        choices = {group: name for group, name in sorted(differ) if group in usual}
        filled, _ = validated(resolved(described(*own, *(f"{group}={name}" for group, name in choices.items())))[0])
        found = cls(f"{study.name}-best", seeds, own, choices, dict(_differing(record.config, filled)))
        again = identify(described(*own, *found.words(), f"seed={record.config['seed']}"))
        if again.fingerprint != RunStore(study / record.run).about().get("fingerprint", again.fingerprint):
            problem = "its settings or its data cannot be composed as they were; its config.json holds them"
            raise ConfigError(str(study / record.run), problem)
        return found

    def words(self) -> list[str]:
        """The setting, as on the command line."""
        chosen = [f"{group}={name}" for group, name in self.choices.items()]
        return [*chosen, *(f"{key}={typed(value)}" for key, value in self.settings.items())]

    def command(self) -> list[str]:
        """What trains it with fresh seeds."""
        seeds = f"seed=range({self.seeds.start},{self.seeds.stop})"
        return ["python", "-m", "rnnsweep", "-m", *self.own, *self.words(), seeds, f"hydra.sweeper.name={self.name}"]

    def study_command(self, file: Path) -> list[str]:
        """What trains it with fresh seeds, from the study that `write` wrote."""
        folder = file.parent.parent
        where = [] if folder.resolve() == CONF.resolve() else ["--config-dir", str(folder)]
        return ["python", "-m", "rnnsweep", *where, *self.own, f"+study={file.stem}"]

    def write(self, file: Path, said: list[str]) -> None:
        """Writes the study.

        Args:
            file: conf/study/NAME.yaml.
            said: how it was chosen, for the file's comment.

        Raises:
            ConfigError: the file is no study's, or it is there already.
        """
        if file.suffix != ".yaml" or file.parent.name != "study":
            raise ConfigError("--write", f"expected conf/study/NAME.yaml, got {file}")
        if file.exists():
            raise ConfigError("--write", f"{file} exists already; choose another name, or delete it")
        content: dict[str, Any] = {}
        for key, value in self.settings.items():
            group, _, name = key.rpartition(".")
            (content.setdefault(group, {}) if group else content)[name] = value
        seeds = f"range({self.seeds.start}, {self.seeds.stop})"
        content["hydra"] = {"sweeper": {"name": self.name, "params": {"seed": seeds}}}
        defaults = {"defaults": [{f"override /{group}": name} for group, name in self.choices.items()]}
        body = yaml.safe_dump((defaults if self.choices else {}) | content, sort_keys=False, allow_unicode=True)
        comment = "".join(f"# {line.strip()}\n" for line in said)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# @package _global_\n{comment}{body}", encoding="utf-8")


def _own(study: Path, run: str, packages: list[str]) -> list[str]:
    """The words of the sweep's command that named the user's folders of configs, and packages."""
    found = (each for path in planned.plans(study) for each in planned.read(path) or () if each.id == run)
    first = next(found, None)
    words = first.own if first else []
    folders = [word.partition("=")[2] for word in words if word.startswith("--config-dir=")]
    searched = [word for word in words if not word.startswith("--config-dir=")]
    places = ",".join(f"file://{folder}" for folder in folders)
    named = [f"packages={typed(packages)}"] if packages else []
    return [*(searched or ([f"hydra.searchpath=[{places}]"] if folders else [])), *named]


def _differing(config: Config, usual: Config) -> Iterator[tuple[str, Any]]:
    """The settings that are not the usual ones."""
    for group in GROUPS:
        for name, value in config[group].items():
            if name in usual[group] and value != usual[group][name] and not name.startswith("_"):
                yield f"{group}.{name}", value
