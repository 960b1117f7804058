"""From params and the words of the command line to a search: what is drawn, and for which choices of groups."""

import contextlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from rnnsweep.config import GROUPS, Config
from rnnsweep.errors import ConfigError, tell_each, tell_once
from rnnsweep.run import PreparedRun, identify
from rnnsweep.run.unused import unused
from rnnsweep.sweep import storage
from rnnsweep.sweep.comparable import tell_different
from rnnsweep.sweep.composer import Composer
from rnnsweep.sweep.objective import Objective, objective
from rnnsweep.sweep.precheck import precheck
from rnnsweep.sweep.pruning import validations
from rnnsweep.sweep.samplers import Space, check_sampler, ends_of, with_settings
from rnnsweep.sweep.search import Search, corner
from rnnsweep.sweep.settings import Sweep, of_each_run
from rnnsweep.sweep.unrelated import tell_of_others


class SearchPlanner:
    """Describes the search that a sweep's settings and the words of the command line ask for."""

    def __init__(self, sweep: Sweep, composer: Composer, study: Path):
        self.sweep, self.composer, self.study = sweep, composer, study

    def prepared(self, words: Sequence[str]) -> Search:
        """The search, a run of each choice of groups checked.

        Raises:
            ConfigError: a setting is wrong, or there is nothing to search over.
        """
        sampler, pruner = self._of_the_user("search"), self._of_the_user("pruner")
        check_sampler(str(sampler))
        self._check_no_grid()
        typed = self._typed(words)
        _, seeds = typed.pop("seed", (None, f"seed={self.sweep.seeds_text}"))  # of each trial, not a dimension
        groups, space, fixed = self._sorted(typed)
        bases: dict[str, tuple[Config, Space]] = {}
        firsts: dict[str, PreparedRun] = {}
        for names in itertools.product(*groups.values()):
            choice = [f"{group}={name}" for group, name in zip(groups, names, strict=True)]
            base = self._base([*fixed, *choice], space, set(typed))
            bases[" ".join(choice)] = base
            firsts[" ".join(choice)] = identify(corner(*base))  # a wrong key is refused before a trial
        if not groups and not any(found for _, found in bases.values()):
            problem = "there is nothing to search over; give a setting several values, as in optimizer.lr=1e-3,1e-2"
            raise ConfigError("hydra.sweeper.search", problem)
        idle = precheck(firsts.values(), self.study, self.composer.launcher.is_here)
        self._tell_different(groups, bases)
        for config, space in bases.values():
            with contextlib.suppress(ConfigError):  # a trial that cannot be trained fails by itself
                idle += unused(identify(corner(config, ends_of(space, space))))
        spans = list(map(validations, firsts.values()))
        search = Search(
            study=self.study,
            sampler=sampler,
            pruner=pruner or "none",
            n_trials=self.sweep.n_trials,
            metrics=tuple(map(str, objectives(self.sweep, list(firsts.values())))),
            seeds=self._seeds(seeds),
            storage=self._storage(),
            groups=groups,
            bases=bases,
            identities={choice: first.id for choice, first in firsts.items()},
            tokens=(min(first for first, _ in spans), max(last for _, last in spans)),
        )
        if self.sweep.seeds == search.seeds[0] > 0 and len(search.seeds) == 1:
            number = search.seeds[0]
            tell_once(f"hydra.sweeper.seeds={number} is the seed {number}; {number} seeds are `seed=range({number})`")
        tell_of_others(search)
        tell_each(idle)
        return search

    @staticmethod
    def _tell_different(groups: dict[str, list[str]], bases: dict[str, tuple[Config, Space]]) -> None:
        """Says where trials are evaluated on different things: the groups' choices, and both ends of task settings."""
        keys = {key for _, space in bases.values() for key in space if key.startswith("task.")}
        every = [(config, each) for config, space in bases.values() for each in (space, ends_of(space, keys))]
        tell_different([*groups, *keys], (corner(*each) for each in every))

    def _of_the_user(self, setting: str) -> Any:
        """The setting; a class of the user's with all its settings."""
        given, packages = getattr(self.sweep, setting), self.composer.config.get("packages") or []
        return with_settings(setting, given, packages) if isinstance(given, dict) else given

    def _check_no_grid(self) -> None:
        for setting in self.sweep.of_grids:
            problem = "belongs to a grid; a search draws from params and the command line alone"
            raise ConfigError(f"hydra.sweeper.{setting}", problem)
        if self.composer.config.get("rerun"):
            raise ConfigError("rerun", "a search is not trained anew; give it another hydra.sweeper.name")

    def _typed(self, words: Sequence[str]) -> dict[str, tuple[Override | None, str]]:
        """Key -> the override that counts, and its text."""
        grammar = self.composer.grammar
        texts = [*grammar.texts(self.sweep.sized(self.composer.is_small)), *words]
        overrides = [(grammar.override(text), text) for text in texts]
        return {override.key_or_group: (override, text) for override, text in overrides}

    def _sorted(self, typed: dict[str, tuple[Any, str]]) -> tuple[dict[str, list[str]], Space, list[str]]:
        """The groups with the choices that are searched over, the values that are, and what is fixed."""
        grammar = self.composer.grammar
        groups, space, fixed = dict[str, list[str]](), Space(), list[str]()
        for key, (override, text) in typed.items():
            if not override.is_sweep_override():
                fixed.append(text)
            elif grammar.is_group(override):
                groups[key] = grammar.alternatives(override)
            else:
                space[key] = grammar.distribution(override)
        return groups, space, fixed

    def _base(self, overrides: list[str], space: Space, given: set[str]) -> tuple[Config, Space]:
        """A config to set a trial's values on, and its space: the command's, and what its groups' `_search_` adds."""
        config, grammar, found = self.composer.run(overrides), self.composer.grammar, dict(space)
        for group in (group for group in GROUPS if isinstance(config.get(group), dict)):
            for name, text in (config[group].pop("_search_", None) or {}).items():
                if f"{group}.{name}" not in given:
                    found[f"{group}.{name}"] = grammar.distribution(grammar.override(f"{group}.{name}={text}"))
        return config | of_each_run(self.study), found

    def _storage(self) -> str | None:
        """What files hold of the storage's address; the whole one goes to the workers."""
        address = self.sweep.storage
        if address is None:
            return None
        storage.hand_over(address)
        return storage.kept(str(self.composer.as_typed("storage")), address)

    def _seeds(self, text: str) -> tuple[int, ...]:
        values = [setting.value for (setting,) in self.composer.grammar.axis(text)]
        for value in values:
            if not isinstance(value, int) or isinstance(value, bool):
                raise ConfigError("seed", f"expected integers, got {value!r}", ("hydra.sweeper.seeds",))
        if len(set(values)) < len(values):
            raise ConfigError("seed", "names a seed twice", ("hydra.sweeper.seeds",))
        return tuple(values)


def objectives(sweep: Sweep, firsts: Sequence[PreparedRun]) -> tuple[Objective, ...]:
    """What a search makes better: the same in all that it searches over.

    Raises:
        ConfigError: a metric is no objective, two tasks declare it differently, or no pruner can see it.
    """
    found = {tuple(objective(typed, first) for typed in sweep.objectives) for first in firsts}
    if len(found) > 1:
        problem = f"the tasks of this search declare different directions for {', '.join(sweep.objectives)}"
        raise ConfigError("hydra.sweeper.metrics", f"{problem}; search over one task")
    (chosen,) = found
    for each in chosen:
        if sweep.pruner not in (None, "none") and not each.known_on_the_way:
            problem = f"a pruner needs values during training, and `{each.name}` is known only at the end"
            raise ConfigError("hydra.sweeper.pruner", f"{problem}; use `none`, or a metric such as `val/loss`")
    return chosen
