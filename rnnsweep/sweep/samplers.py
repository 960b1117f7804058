"""The samplers and pruners of a search, which are Optuna's, and the values that they draw."""

import importlib.util
import json
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal

from rnnsweep.config import Config, own
from rnnsweep.errors import ConfigError
from rnnsweep.own import made

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

Sampler = Literal["tpe", "random", "gp", "cmaes", "qmc", "nsgaii"]
Pruner = Literal["none", "median", "asha", "hyperband"]
Space = dict[str, dict[str, Any]]
"""Key -> an Optuna distribution as JSON, by its own json_to_distribution."""


def with_settings(setting: str, given: Config, packages: Sequence[str]) -> Config:
    """A sampler or a pruner of the user's with all its settings; it is made once, so that what is wrong is told now.

    Args:
        setting: of `hydra.sweeper`: `search` or `pruner`.
        given: its path, and the settings that were given.
        packages: those that the user lists; Optuna's own classes can be named, too.

    Raises:
        ConfigError: the class is missing or of another kind, or a setting is wrong.
    """
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

    key = f"hydra.sweeper.{setting}"
    kind, base = ("sampler", BaseSampler) if setting == "search" else ("pruner", BasePruner)
    found = own(key, given, [*packages, "optuna"], kind, (base,))
    made(key, found, seed=0, first=1, last=1)
    return found


def sampler(name: Sampler | Config, seed: int) -> "optuna.samplers.BaseSampler":
    """Makes a sampler. All options are set here, because Optuna's defaults change between versions.

    Args:
        name: as in `hydra.sweeper.search`, or a class of the user's with its settings.
        seed: of its draws.
    """
    from optuna import samplers

    if isinstance(name, dict):
        sampler: optuna.samplers.BaseSampler = made("hydra.sweeper.search", name, seed=seed)
        return sampler
    makers: dict[Sampler, Callable[[], optuna.samplers.BaseSampler]] = {
        "tpe": lambda: samplers.TPESampler(
            multivariate=True, group=True, constant_liar=True, n_startup_trials=10, seed=seed
        ),
        "random": lambda: samplers.RandomSampler(seed=seed),
        "gp": lambda: samplers.GPSampler(n_startup_trials=10, seed=seed),
        "cmaes": lambda: samplers.CmaEsSampler(n_startup_trials=1, seed=seed, warn_independent_sampling=False),
        "qmc": lambda: samplers.QMCSampler(qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False),
        "nsgaii": lambda: samplers.NSGAIISampler(population_size=20, seed=seed),
    }
    return makers[name]()


def check_sampler(name: str) -> None:
    """Checks that the packages of a sampler are installed; Optuna would find out within a trial.

    Args:
        name: as in `hydra.sweeper.search`.

    Raises:
        ConfigError: one is missing.
    """
    for package in {"gp": ["scipy"], "qmc": ["scipy"], "cmaes": ["cmaes"]}.get(name, []):
        if importlib.util.find_spec(package) is None:
            problem = f"{name} needs {package}; pip install 'rnnsweep[search]'"
            raise ConfigError("hydra.sweeper.search", problem)


def pruner(name: Pruner | Config, first: int, last: int) -> "optuna.pruners.BasePruner":
    """Makes a pruner that compares trials by the tokens that they have read, and so at equal work.

    Successive halving (Li et al. 2020): of the trials that have come to a rung the better third goes on. The rungs lie
    at `first` tokens, at three times as many, and so on. Hyperband (Li et al. 2018) has several such brackets, which
    begin later and later. A rung below the first validation would be passed there together with the next one, by a
    ninth of the trials; so `first` must not lie below it.

    Args:
        name: as in `hydra.sweeper.pruner`, or a class of the user's with its settings.
        first: tokens at the first validation.
        last: tokens of a whole trial.

    Returns:
        The pruner; with `none` one that cuts no trial short.
    """
    from optuna import pruners

    if isinstance(name, dict):
        pruner: optuna.pruners.BasePruner = made("hydra.sweeper.pruner", name, first=first, last=last)
        return pruner
    makers: dict[Pruner, Callable[[], optuna.pruners.BasePruner]] = {
        "none": pruners.NopPruner,
        "median": lambda: pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=0),
        "asha": lambda: pruners.SuccessiveHalvingPruner(min_resource=first, reduction_factor=3),
        "hyperband": lambda: pruners.HyperbandPruner(min_resource=first, max_resource=last, reduction_factor=3),
    }
    return makers[name]()


# Values ----------------------------------------------------------------------------------------------------------


def stored(space: Space) -> Space:
    """The space as Optuna gets it. It stores plain values, so choices that are lists or mappings become JSON texts."""
    return {key: _as_texts(distribution) for key, distribution in space.items()}


def _as_texts(distribution: dict[str, Any]) -> dict[str, Any]:
    choices = distribution["attributes"].get("choices", [])
    if not any(isinstance(choice, list | dict) for choice in choices):
        return distribution
    texts = [json.dumps(choice) if isinstance(choice, list | dict) else choice for choice in choices]
    return distribution | {"attributes": {"choices": texts}}


def values(space: Space, params: dict[str, Any]) -> dict[str, Any]:
    """The values of a trial's parameters, with lists and mappings in place of their texts.

    Args:
        space: what the search draws from.
        params: of an Optuna trial.
    """
    found = {key: params[key] for key in space}
    for key, distribution in stored(space).items():
        if distribution is not space[key]:
            texts = distribution["attributes"]["choices"]
            found[key] = space[key]["attributes"]["choices"][texts.index(params[key])]
    return found


def suggest(trial: "optuna.Trial", space: Space) -> None:
    """Draws a value for each key of the space.

    Args:
        trial: an Optuna trial; its parameters get the values.
        space: what to draw from.
    """
    from optuna.distributions import json_to_distribution

    for key, distribution in stored(space).items():
        _suggest(trial, key, json_to_distribution(json.dumps(distribution)))


def _suggest(trial: "optuna.Trial", key: str, distribution: "BaseDistribution") -> None:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match distribution:
        case FloatDistribution(low=low, high=high, log=log):
            trial.suggest_float(key, low, high, log=log)
        case IntDistribution(low=low, high=high, log=log, step=step):
            trial.suggest_int(key, low, high, log=log, step=step)
        case CategoricalDistribution(choices=choices):
            trial.suggest_categorical(key, choices)


def at_corner(space: Space) -> dict[str, Any]:
    """The values at one corner of the space: the lowest, or the first choice."""
    return {
        key: each["attributes"]["low"] if "low" in each["attributes"] else each["attributes"]["choices"][0]
        for key, each in space.items()
    }


def ends_of(space: Space, keys: Collection[str]) -> Space:
    """The space, with these keys at their other end alone: the highest, or the last choice."""
    found = dict(space)
    for key in space.keys() & {*keys}:
        attributes = space[key]["attributes"]
        end = attributes["high"] if "high" in attributes else attributes["choices"][-1]
        found[key] = space[key] | {"attributes": {"choices": [end]}}
    return found
