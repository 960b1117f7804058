"""Hydra's grammar of overrides: what one of them means, and the points of the axis that it describes."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict

from rnnsweep import rng
from rnnsweep.config import GROUPS
from rnnsweep.errors import ConfigError
from rnnsweep.sweep import distributions
from rnnsweep.sweep.grid import Axis, Params, PointOverride


class Grammar:
    """Reads overrides for a config loader, which knows what is a group and what a value."""

    def __init__(self, loader: ConfigLoader, config: DictConfig | None = None):
        self.loader, self.config = loader, config
        self.parser = OverridesParser.create(config_loader=loader)
        _allow_null(self.parser)
        self.groups = set(loader.list_groups(""))

    def axis(self, text: str) -> Axis:
        """The alternatives of one override: one, or those of a sweep.

        Raises:
            ConfigError: the override is one to draw from.
        """
        override = self.override(text)
        if not override.is_sweep_override():
            return [(self._setting(override, text),)]
        if self.is_drawn(text):
            problem = "a grid cannot draw from a continuous range unless hydra.sweeper.draws says how often"
            raise ConfigError(override.get_key_element(), f"{problem}; or search with hydra.sweeper.search=tpe")
        texts = [f"{override.get_key_element()}={value}" for value in self.alternatives(override)]
        return [(self._setting(self.override(each), each),) for each in texts]

    def alternatives(self, override: Override) -> list[str]:
        """The values of a sweep, in Hydra's grammar.

        Raises:
            ConfigError: there is none.
        """
        found = list(override.sweep_string_iterator())
        if not found:
            key = override.key_or_group
            known = self.loader.get_group_options(key)
            problem = f"finds no {key}; there are {', '.join(known)}" if known else "gives no value"
            raise ConfigError(override.get_key_element(), problem)
        return found

    def is_drawn(self, text: str) -> bool:
        """Whether an override is drawn at random: a continuous range, or choices with the tag `draw`."""
        override = self.override(text)
        if not override.is_sweep_override():
            return False
        return not override.is_discrete_sweep() or "draw" in getattr(override.value(), "tags", ())

    def drawn(self, texts: Sequence[str], count: int) -> Axis:
        """An axis of `count` random points along which all these overrides move together.

        What is drawn depends on the key and the number of the draw alone: more draws, or more keys, keep the others.
        """
        columns = []
        for override in map(self.override, texts):
            key, distribution = override.get_key_element(), distributions.of(override.value())
            shares = itertools.islice(rng.uniform(0, "sampling", key), count)
            points = [f"{key}={self._element(distributions.quantile(distribution, share))}" for share in shares]
            columns.append([self._setting(self.override(point), point) for point in points])
        return list(zip(*columns, strict=True))

    def _setting(self, override: Override, text: str) -> PointOverride:
        merged = isinstance(override.value(), dict) or override.is_list_extend() or "[" in override.key_or_group
        group = self.is_group(override) or override.is_delete() or merged
        return PointOverride(override.key_or_group, text, None if group else override.value(), group)

    def override(self, text: str) -> Override:
        """What Hydra's grammar reads.

        Raises:
            OverrideParseException: it cannot be read.
        """
        (parsed,) = self.parser.parse_overrides([text])
        return parsed

    def is_group(self, override: Override) -> bool:
        return override.key_or_group.split("/")[0] in self.groups

    def is_general(self, override: Override) -> bool:
        """Whether it sets the same for all runs of a sweep, whatever their groups."""
        return not override.is_sweep_override() and override.key_or_group.split(".")[0] not in GROUPS

    def distribution(self, override: Override) -> dict[str, Any]:
        """What a search draws from for a sweep over a value, as JSON by Optuna's own distribution_to_json.

        Raises:
            ConfigError: the range is empty, or a logarithm has no place in it.
        """
        from optuna.distributions import distribution_to_json

        if override.is_discrete_sweep():
            self.alternatives(override)
        try:
            return dict(json.loads(distribution_to_json(distributions.of(override.value()))))
        except ValueError as error:
            raise ConfigError(override.get_key_element(), f"cannot be searched: {error}") from None

    def axes(self, params: Params) -> list[Axis]:
        """An axis for each key."""
        return [self.axis(text) for text in self.texts(params)]

    def texts(self, params: Params) -> list[str]:
        """The params as overrides of the command line.

        Raises:
            ConfigError: a list holds no value.
        """
        return [f"{key}={self._text(key, self._chosen(key, value))}" for key, value in params.items()]

    def _text(self, key: str, value: Any) -> str:
        """A value from a config file in the grammar of the command line: a text is in it, a list is a choice."""
        if isinstance(value, str):
            return value
        if value == []:
            raise ConfigError(key, "gives no value")
        return ",".join(map(self._element, value if isinstance(value, list | tuple) else [value]))

    def _element(self, value: Any) -> str:
        """One value in the grammar of the command line."""
        if isinstance(value, list):
            return f"[{','.join(map(self._element, value))}]"
        if isinstance(value, dict):
            return f"{{{','.join(f'{key}: {self._element(item)}' for key, item in value.items())}}}"
        if not isinstance(value, str):
            return json.dumps(value) if value is None or isinstance(value, bool) else str(value)
        try:
            one = not self.parser.parse_override(f"key={value}").is_sweep_override()
        except HydraException:
            one = False
        return value if one and value else QuotedString(value, Quote.double).with_quotes()

    def _chosen(self, key: str, value: Any) -> Any:
        """A group is chosen before a run has values, so its interpolations are those of the sweep's config."""
        if self.config is None or key.split("/")[0] not in self.groups or "${" not in str(value):
            return value
        with open_dict(self.config):
            self.config["_choice_"] = value
            chosen = self.config.pop("_choice_")
        return OmegaConf.to_container(chosen, resolve=True) if OmegaConf.is_config(chosen) else chosen

    def paired(self, params: Params) -> Axis:
        """One axis along which all keys move together.

        Raises:
            ConfigError: the lists differ in length.
        """
        axes = self.axes(params)
        if len({len(axis) for axis in axes}) > 1:
            lengths = ", ".join(f"{key}: {len(axis)}" for key, axis in zip(params, axes, strict=True))
            problem = f"settings that change together need equal numbers of values ({lengths})"
            raise ConfigError("hydra.sweeper.paired", problem)
        return [tuple(itertools.chain(*together)) for together in zip(*axes, strict=True)]


def _allow_null(parser: OverridesParser) -> None:
    """Lets `choice(null, 1.0)` be what `null,1.0` is; Hydra's own `choice` refuses null."""
    signature = parser.functions.definitions["choice"]
    free = [parameter.replace(annotation=Any) for parameter in signature.parameters.values()]
    parser.functions.definitions["choice"] = signature.replace(parameters=free)
