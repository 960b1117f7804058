"""Configs as Hydra composes them under a sweep's command: of its runs, and of the studies that it names."""

import functools
from collections.abc import Sequence
from typing import Any

from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from rnnsweep.config import Config, plain
from rnnsweep.errors import ConfigError
from rnnsweep.interpolation import settled
from rnnsweep.sweep.grammar import Grammar
from rnnsweep.sweep.launchers import Abilities, abilities


class Composer:
    """Composes under one command, whose own config is `config`."""

    def __init__(self, context: HydraContext, config: DictConfig):
        self.context, self.config = context, config

    @functools.cached_property
    def grammar(self) -> Grammar:
        return Grammar(self.context.config_loader, self.config)

    @property
    def is_small(self) -> bool:
        return bool(self.config.get("size") == "small")

    def as_typed(self, name: str) -> Any:
        """A setting of the sweeper with its interpolations as texts."""
        return OmegaConf.to_container(self.config.hydra.sweeper)[name]  # type: ignore[call-overload,index]

    def study_words(self) -> list[str]:
        """The words of this command that chose its study: a launcher that composes again needs them."""
        words = [str(word) for word in self.config.hydra.overrides.task]
        return [word for word in words if self.grammar.override(word).key_or_group == "study"]

    def for_launchers(self) -> DictConfig:
        """The config without the storage's address: some launchers write the config into files."""
        typed = any(word.lstrip("+").startswith("hydra.sweeper.storage=") for word in self.config.hydra.overrides.hydra)
        return self.study(self.config.hydra.overrides.task, ("storage",)).config if typed else self.config

    @property
    def launcher(self) -> Abilities:
        """What the launcher can do that is to start the workers.

        Raises:
            ConfigError: the config names none.
        """
        target = OmegaConf.select(self.config, "hydra.launcher._target_")
        if target is None:
            raise ConfigError("hydra/launcher", "a sweep needs a launcher, such as `hydra/launcher=local`")
        return abilities(str(target))

    def run(self, overrides: Sequence[str]) -> Config:
        """The config of a run, with its interpolations as texts."""
        config = self.context.config_loader.load_sweep_config(self.config, list(overrides))
        choices = config.hydra.runtime.choices
        with open_dict(config):
            config.pop("hydra")
        return settled(plain(OmegaConf.to_container(config), choices))

    def study(self, words: Sequence[str], without: Sequence[str]) -> "Composer":
        """For another study, as its own command would compose it.

        Args:
            words: the words of that command; those that are about single runs change nothing here.
            without: settings of the sweeper that this command has for itself.
        """
        mine = tuple(f"hydra.sweeper.{name}" for name in without)
        hydras = [text for text in self.config.hydra.overrides.hydra if not text.lstrip("+~").startswith(mine)]
        general = [text for text in words if self.grammar.is_general(self.grammar.override(text))]
        name = self.config.hydra.job.config_name
        config = self.context.config_loader.load_configuration(name, [*hydras, *general], RunMode.MULTIRUN)
        return Composer(self.context, config)

    def own_groups(self) -> list[str]:
        """The arguments that named the user's folders of config groups."""
        sources = self.config.hydra.runtime.config_sources
        folders = [f"--config-dir={source.path}" for source in sources if source.provider == "command-line"]
        searched = [f"{s.schema}://{s.path}" for s in sources if s.provider.endswith("in command-line")]
        return folders + ([f"hydra.searchpath=[{','.join(searched)}]"] if searched else [])
