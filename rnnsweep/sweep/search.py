"""A search: the trials of an Optuna study in place of a grid's points.

A trial is a choice of values. It has one run for each seed, with those values, and its value is the mean of the runs.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnsweep import files, locks, run
from rnnsweep.config import Config
from rnnsweep.errors import ConfigError
from rnnsweep.naming import named
from rnnsweep.record import RunStore
from rnnsweep.study_folder import FOLDER, repeats_file
from rnnsweep.sweep import optuna_study
from rnnsweep.sweep.changes import retry_failed
from rnnsweep.sweep.objective import Objective
from rnnsweep.sweep.plan import Plan, Planned, with_values
from rnnsweep.sweep.samplers import Pruner, Sampler, Space, at_corner, pruner, stored, suggest, values

if TYPE_CHECKING:
    import optuna

RETRIED = "retried"
"""The attribute of an Optuna study that lists the failed trials whose parameters were tried again."""

OF_OTHERS = "of others"
"""The attribute of a trial that lists the runs which another search, or a grid, had begun before."""


@dataclasses.dataclass(frozen=True)
class Search:
    """A search in a study's directory: all that a worker needs, on any machine."""

    study: Path
    sampler: Sampler | Config
    """Its name, or a class of the user's with its settings; likewise the pruner."""
    pruner: Pruner | Config
    n_trials: int
    """Trials in all, those of earlier commands included."""
    metrics: tuple[str, ...]
    """The objectives: `val/loss`, `parameters`, or with a leading `-` what is maximised, `-val/accuracy`."""
    seeds: tuple[int, ...]
    storage: str | None
    """What files hold of an SQLAlchemy URL such as postgresql+psycopg://…; None: a journal in the study's directory."""
    groups: dict[str, list[str]]
    """Config groups that are searched over, with the choices."""
    bases: dict[str, tuple[Config, Space]]
    """For each choice of groups, joined by spaces: the config, and what is searched over in it."""
    identities: dict[str, str]
    """For each choice of groups: the id of a run at a corner of the space, which covers all that changes a result."""
    tokens: tuple[int, int] = (1, 1)
    """What a run at a corner of the space has read at its first validation and at its last: between them lie the rungs
    at which trials are pruned."""

    @property
    def name(self) -> str:
        """The Optuna study's name: another space is another study, another device is not."""
        spaces = {choice: stored(space) for choice, (_, space) in self.bases.items()}
        content = json.dumps([self.metrics, self.seeds, self.groups, self.identities, spaces], sort_keys=True)
        return f"{self.study.name}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"

    @property
    def keys(self) -> set[str]:
        """The groups and settings that are searched over."""
        return set(self.groups).union(*(space for _, space in self.bases.values()))

    @property
    def objectives(self) -> list[Objective]:
        return [Objective.read(text) for text in self.metrics]

    def save(self) -> Path:
        """Writes the search; the same search is the same file."""
        content = json.dumps(dataclasses.asdict(self) | {"study": str(self.study)})
        folder = self.study / FOLDER
        files.make(folder)
        path = folder / f"search-{hashlib.sha256(content.encode()).hexdigest()[:12]}.json"
        files.write(path, content)
        return path

    @classmethod
    def load(cls, path: Path) -> "Search":
        """The search that a sweep has just written.

        Raises:
            ConfigError: it is damaged.
        """
        search = _read(path)
        if search is None:
            raise ConfigError(str(path), "not a search; run the sweep's command again, which writes it anew")
        return search

    def open(self) -> "optuna.Study":
        """The Optuna study, made when it does not exist.

        Raises:
            ConfigError: the storage cannot be reached.
        """
        journal = self.study / FOLDER / "optuna.journal"
        return optuna_study.opened(self.name, self.objectives, pruner(self.pruner, *self.tokens), self.storage, journal)

    def retry(self, study: "optuna.Study", resume_changed: bool = False) -> None:
        """Gives each failed trial's parameters to a new one, which counts in its place, and takes its record away."""
        with self.one_at_a_time():
            for trial in counted(study):
                if trial.state.name == "FAIL":
                    study.set_user_attr(RETRIED, [*study.user_attrs.get(RETRIED, []), trial.number])
                    study.enqueue_trial(trial.params)
                    retry_failed(self._stores(trial), resume_changed)

    def note_repeats(self, study: "optuna.Study") -> None:
        """Writes how many runs of the trials are those of earlier ones, or of another search or grid of the study.

        The report does not read the trials.
        """
        trials = counted(study)
        runs = [name for trial in trials for name in trial.user_attrs.get("runs", [])]
        others = {name for trial in trials for name in trial.user_attrs.get(OF_OTHERS, [])}
        if repeats := len(runs) - len({*runs} - others):
            files.write(repeats_file(self.study, self.name), json.dumps(repeats))

    def runs_of_others(self, study: "optuna.Study", runs: list[str]) -> list[str]:
        """Those of some runs that the study's directory has, though no trial of this search has them."""
        mine = {name for trial in study.get_trials(deepcopy=False) for name in trial.user_attrs.get("runs", [])}
        return [name for name in runs if name not in mine and (self.study / name).exists()]

    def _stores(self, trial: "optuna.trial.FrozenTrial") -> list[RunStore]:
        return [RunStore(self.study / name) for name in trial.user_attrs.get("runs", [])]

    def stores_of(self, trials: "list[optuna.trial.FrozenTrial]", over: bool) -> list[RunStore]:
        """The directories of the runs of those trials that are over, or of those that are not."""
        return [store for trial in trials if trial.state.is_finished() == over for store in self._stores(trial)]

    def damaged(self, study: "optuna.Study") -> Plan:
        """The runs of complete trials of which a record or a best.pt is damaged: they are to be written again."""
        complete = [trial for trial in counted(study) if trial.state.name == "COMPLETE"]
        hurt = [trial for trial in complete if any(map(_is_damaged, self._stores(trial)))]
        return Plan(self.study, [run for trial in hurt for run in self.planned(trial)])

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """No other worker may ask for a trial between the count of the trials and the next ask."""
        folder = self.study / FOLDER
        files.make(folder)  # a search whose trials are in a database may have none yet
        with locks.alone(folder / ".ask"):
            yield

    def planned(self, trial: Any) -> list[Planned]:
        """The runs of a trial, one a seed, from its parameters alone."""
        choice = " ".join(f"{group}={trial.params[group]}" for group in self.groups)
        config, space = self.bases[choice]
        runs = []
        for seed in self.seeds:
            chosen = values(space, trial.params)
            member = named(run.identify(with_values(config, chosen | {"seed": seed})), self.study)
            overrides = [*choice.split(), *(f"{key}={typed(value)}" for key, value in chosen.items()), f"seed={seed}"]
            runs.append(Planned(member.id, member.signature, member.written, overrides, fingerprint=member.fingerprint))
        return runs

    def check(self) -> None:
        """Checks that this machine has the data that the search was begun with.

        Raises:
            ConfigError: it has not, or a setting cannot be used here.
        """
        for choice, planned in self.identities.items():
            found = run.identify(corner(*self.bases[choice])).id
            if found != planned:
                problem = f"the search's config gives {found}, which is not the run that was planned"
                reason = "its files or environment variables have changed since; run the search's command again"
                raise ConfigError(planned, f"{problem}: {reason}")

    def suggest(self, trial: "optuna.Trial") -> None:
        """Draws the trial's parameters: the groups first, then what the chosen ones are searched over."""
        for group, choices in self.groups.items():
            trial.suggest_categorical(group, choices)
        choice = " ".join(f"{group}={trial.params[group]}" for group in self.groups)
        suggest(trial, self.bases[choice][1])


def counted(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    """The trials that n_trials counts: all but the failed ones that were tried again."""
    gone = set(study.user_attrs.get(RETRIED, []))
    return [trial for trial in study.get_trials(deepcopy=False) if trial.number not in gone]


def corner(config: Config, space: Space) -> Config:
    """The config at one corner of the space."""
    return with_values(config, at_corner(space))


def _is_damaged(store: RunStore) -> bool:
    """Whether a run that is over needs work; one whose directory somebody deleted does not."""
    return (store.path / "record.json").exists() and store.outcome() is None


def typed(value: Any) -> str:
    """A value in the grammar of the command line."""
    return value if isinstance(value, str) else json.dumps(value)


def searches(study: Path) -> list[Search]:
    """All searches that were begun in a study's directory, each once though its number of trials grew."""
    paths = sorted((study / FOLDER).glob("search-*.json"), key=lambda path: path.stat().st_mtime)
    return list({search.name: search for search in map(_read, paths) if search is not None}.values())


def _read(path: Path) -> Search | None:
    """The search of a file; None where it is damaged, which is said once."""
    search = files.read(path, Search)
    return search and dataclasses.replace(search, study=path.parent.parent)
