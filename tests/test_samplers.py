"""Laws that every sampler and every pruner of a search obeys; they are found by the types that the settings use."""

import math
import sys
from pathlib import Path
from typing import Any, get_args

import optuna
import pytest

from rnnsweep.errors import ConfigError
from rnnsweep.sweep import samplers
from rnnsweep.sweep.samplers import Pruner, Sampler

SPACE: samplers.Space = {
    "optimizer.lr": {"name": "FloatDistribution", "attributes": {"low": 1e-4, "high": 1e-1, "log": True, "step": None}},
    "cell.hidden_size": {"name": "IntDistribution", "attributes": {"low": 8, "high": 64, "log": False, "step": 8}},
    "cell.num_layers": {"name": "IntDistribution", "attributes": {"low": 1, "high": 3, "log": False, "step": 1}},
}
CHOICE: samplers.Space = {
    "cell": {"name": "CategoricalDistribution", "attributes": {"choices": ["gru", "lstm"]}},
    "betas": {"name": "CategoricalDistribution", "attributes": {"choices": [[0.9, 0.99], [0.8, 0.9]]}},
}
DIRECTIONS = ["minimize", "maximize"]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture(params=get_args(Sampler))
def sampler(request: pytest.FixtureRequest) -> Sampler:
    try:
        samplers.check_sampler(request.param)
    except ConfigError as error:
        pytest.skip(str(error))
    return request.param  # type: ignore[no-any-return]


def drawn(sampler: Sampler, seed: int, space: samplers.Space, trials: int = 14) -> list[dict[str, Any]]:
    """The values that a search draws."""
    study = optuna.create_study(sampler=samplers.sampler(sampler, seed))
    found = []
    for number in range(trials):
        trial = study.ask()
        samplers.suggest(trial, space)
        found.append(samplers.values(space, trial.params))
        study.tell(trial, number % 3 + trial.params.get("optimizer.lr", 0))
    return found


def test_a_seed_repeats_what_is_drawn(sampler: Sampler) -> None:
    assert drawn(sampler, 3, SPACE) == drawn(sampler, 3, SPACE)


def test_another_seed_draws_other_values(sampler: Sampler) -> None:
    assert drawn(sampler, 3, SPACE) != drawn(sampler, 4, SPACE)


def test_what_is_drawn_lies_in_the_space_and_covers_it(sampler: Sampler) -> None:
    found = drawn(sampler, 0, SPACE)
    for values in found:
        assert list(values) == list(SPACE)
        assert 1e-4 <= values["optimizer.lr"] <= 1e-1
        assert values["cell.hidden_size"] in range(8, 65, 8)
        assert values["cell.num_layers"] in (1, 2, 3)
    rates = [math.log10(values["optimizer.lr"]) for values in found]
    assert min(rates) < -2.5 < max(rates)  # the rate is drawn on a log scale: of a uniform one 3% lie below
    assert len({values["cell.hidden_size"] for values in found}) > 1


def test_a_choice_comes_back_as_it_was_written(sampler: Sampler) -> None:
    """Lists too, which Optuna stores as texts."""
    for values in drawn(sampler, 0, CHOICE, trials=6):
        assert values["cell"] in ("gru", "lstm")
        assert values["betas"] in ([0.9, 0.99], [0.8, 0.9])


@pytest.fixture(params=get_args(Pruner))
def pruner(request: pytest.FixtureRequest) -> Pruner:
    return request.param  # type: ignore[no-any-return]


def pruned(pruner: Pruner, direction: str, finals: list[float], resource: int = 100) -> list[float]:
    """Of trials whose curves are flat at these values: those that are cut short, at 9 steps of `resource` tokens."""
    study = optuna.create_study(direction=direction, pruner=samplers.pruner(pruner, resource, 9 * resource))
    cut = []
    for value in finals:
        trial = study.ask()
        for step in range(1, 10):
            trial.report(value, step * resource)
            if trial.should_prune():
                cut.append(value)
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, value)
    return cut


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_pruner_cuts_bad_trials_and_never_one_that_is_the_best_so_far(pruner: Pruner, direction: str) -> None:
    sign = 1 if direction == "minimize" else -1
    better = [sign * value for value in (9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0)]  # each is the best so far
    assert pruned(pruner, direction, better) == []
    worse = [sign * value for value in (1.0, 1.1, 1.2, 1.3, 1.4, *(5.0 + n for n in range(20)))]
    cut = pruned(pruner, direction, worse)
    if pruner == "none":
        assert cut == []
    else:
        assert cut
        assert all(sign * value > 1.0 for value in cut)


def test_no_pruner_looks_before_the_first_validation(pruner: Pruner) -> None:
    """A rung below the first validation would be passed there together with the next."""
    study = optuna.create_study(pruner=samplers.pruner(pruner, 100, 900))
    for value in (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 9.0):
        trial = study.ask()
        trial.report(value, 50)
        if pruner != "median":
            assert not trial.should_prune()
        study.tell(trial, value)


def test_the_corner_of_a_space_is_in_it() -> None:
    corner = samplers.at_corner(SPACE | CHOICE)
    assert corner == {
        "optimizer.lr": 1e-4, "cell.hidden_size": 8, "cell.num_layers": 1, "cell": "gru", "betas": [0.9, 0.99],
    }  # fmt: skip


def test_a_sampler_without_its_package_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"cmaes needs cmaes; pip install 'rnnsweep\[search\]'"):
        samplers.check_sampler("cmaes")
    samplers.check_sampler("tpe")


# Samplers and pruners of the user's own ------------------------------------------------------------------------------

OWN = """
import optuna

class Seeded(optuna.samplers.RandomSampler):
    def __init__(self, seed=None, *, share: float = 0.5):
        super().__init__(seed)
        self.seed, self.share = seed, share

class Lacking(optuna.samplers.BaseSampler):
    pass

class Told(optuna.pruners.NopPruner):
    def __init__(self, first, last):
        self.span = first, last

class Broken(optuna.pruners.NopPruner):
    def __init__(self):
        raise OSError("no table")
"""


@pytest.fixture
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_searched.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_searched", raising=False)


def given(setting: str, path: str, **settings: Any) -> Any:
    return samplers.with_settings(setting, {"_target_": path} | settings, ["own_searched"])


@pytest.mark.usefixtures("_own")
def test_an_own_class_gets_its_settings_and_what_the_program_knows() -> None:
    sampler: Any = samplers.sampler(given("search", "own_searched.Seeded", share=0.25), 7)
    assert (sampler.seed, sampler.share) == (7, 0.25)
    pruner: Any = samplers.pruner(given("pruner", "own_searched.Told"), 10, 90)
    assert pruner.span == (10, 90)


def test_a_class_of_optuna_is_taken_by_its_path() -> None:
    settings = given("search", "optuna.samplers.TPESampler", n_startup_trials=3)
    assert samplers.sampler(settings, 0)._n_startup_trials == 3  # type: ignore[attr-defined]
    assert "seed" not in settings


@pytest.mark.usefixtures("_own")
@pytest.mark.parametrize(
    ("setting", "path", "settings", "said"),
    [
        ("search", "own_searched.Told", {}, "is no sampler: derive it from optuna.samplers.BaseSampler"),
        ("pruner", "own_searched.Seeded", {}, "is no pruner: derive it from optuna.pruners.BasePruner"),
        ("search", "own_searched.Lacking", {}, "lacks `infer_relative_search_space`, `sample_independent`"),
        ("search", "own_searched.Seeded", {"shere": 1.0}, r"search\.shere: .* Did you mean `share`"),
        ("search", "optuna.samplers.TPESampler", {"n_startup": 1}, r"Did you mean `n_startup_trials`"),
        ("pruner", "own_searched.Broken", {}, r"`own_searched.Broken` failed: OSError: no table \(own_searched.py"),
        ("pruner", "elsewhere.Mine", {}, "lies outside rnnsweep, own_searched, optuna"),
    ],
)
def test_what_is_wrong_with_a_class_of_the_user_s_is_said(
    setting: str, path: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        given(setting, path, **settings)
