"""From a grid to a plan: a run for each point."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rnnsweep.errors import ConfigError, listed, tell_each, tell_once
from rnnsweep.naming import names_in
from rnnsweep.run import PreparedRun, identify
from rnnsweep.sweep import compared
from rnnsweep.sweep.composer import Composer
from rnnsweep.sweep.grid import PointOverride, points
from rnnsweep.sweep.objective import objective
from rnnsweep.sweep.plan import Plan, Planned, configs
from rnnsweep.sweep.precheck import precheck
from rnnsweep.sweep.settings import Sweep, of_each_run
from rnnsweep.sweep.skip import Skip
from rnnsweep.sweep.unrelated import refuse_unrelated
from rnnsweep.tuned_plan import Tuned

NOT_DRAWN = (
    "the grid is run whole, because it has no continuous range and no choices tagged `draw`; "
    "write them as in 'cell.hidden_size=tag(draw, choice(32,64))'"
)

ONE_RUN = "changes how a run is executed and not its result; points that differ in it alone are one run, the first"


def _differing(one: PreparedRun, other: PreparedRun) -> set[str]:
    """The settings in which two points of a grid differ that are the same run."""
    groups = one.classes if one is not other else ()
    return {
        f"{group}.{name}"
        for group in groups
        for name, value in other.config[group].items()
        if one.config[group].get(name) != value
    }


class GridPlanner:
    """Plans the grid that a sweep's settings and the words of the command line describe."""

    def __init__(self, sweep: Sweep, composer: Composer, study: Path):
        self.sweep, self.composer, self.study = sweep, composer, study
        self.drawn: set[str] = set()

    def prepared(self, words: Sequence[str]) -> Plan:
        """The plan, each run checked.

        Raises:
            ConfigError: a setting is wrong, or no run is left.
        """
        own, skip = self.composer.own_groups(), Skip(self.sweep.conditions)
        found: dict[str, tuple[PreparedRun, list[str]]] = {}
        alike = set[str]()
        for config, overrides in configs(self.composer.run, self._points(words)):
            run = identify(config | of_each_run(self.study))
            if not skip(run.config):
                first, _ = found.setdefault(run.fingerprint, (run, overrides))
                alike |= _differing(first, run)
        if not found:
            raise ConfigError("hydra.sweeper.skip", "leaves no run")
        skip.tell_idle()
        if self.sweep.draws and not self.drawn:
            tell_once(f"hydra.sweeper.draws={self.sweep.draws} draws nothing: {NOT_DRAWN}")
        idle = precheck((run for run, _ in found.values()), self.study, self.composer.launcher.is_here)
        if alike:
            idle.append(f"{listed(sorted(alike), form=str)}: {ONE_RUN}")
        names = names_in(self.study, [run for run, _ in found.values()])
        runs = [
            Planned(names[digest], run.signature, run.written, of_a_run(overrides), own, digest)
            for digest, (run, overrides) in found.items()
        ]
        drawn = tuple(sorted(self.drawn))
        plan = Plan(self.study, runs, drawn=drawn, declared=self._declared([run for run, _ in found.values()]))
        refuse_unrelated(plan, self.sweep.name)
        _tell_retired(plan)
        tell_each(idle)
        return plan.resumed(bool(self.composer.config.get("rerun")))

    def _declared(self, runs: Sequence[PreparedRun]) -> Tuned | None:
        """What the grid compares, where it says so."""
        if not self.sweep.compared:
            return None
        compared.check_swept(self.sweep.compared, (run.config for run in runs))
        declared = compared.declaration(self.sweep, objective(self.sweep.objectives[0], runs[0]))
        compared.Declared(self.study, [], declared).check()
        return declared

    def _points(self, words: Sequence[str]) -> Iterator[dict[str, PointOverride]]:
        grammar, draws = self.composer.grammar, self.sweep.draws
        together = [grammar.paired(paired) for paired in self.sweep.paired]
        sized = self.sweep.sized(self.composer.is_small)
        blocks = []
        for block in self.sweep.blocks or [{}]:
            texts = grammar.texts(sized | block)
            drawn = [text for text in (*texts, *words) if draws and grammar.is_drawn(text)]
            self.drawn |= {grammar.override(text).get_key_element() for text in drawn}
            params, own = ([grammar.axis(text) for text in part if text not in drawn] for part in (texts, words))
            at_random = [grammar.drawn(drawn, draws)] if draws and drawn else []
            blocks.append([*params, *together, *at_random, *own])
        return points(blocks)


def of_a_run(overrides: list[str]) -> list[str]:
    """The overrides of a run: without `rerun` and `resume_changed`, which belong to the sweep's command."""
    return [text for text in overrides if not text.lstrip("+").startswith(("rerun=", "resume_changed="))]


def _tell_retired(plan: Plan) -> None:
    """Says which runs of the grid no report of the study counts."""
    if count := len(plan.runs) - len(plan.counted().runs):
        remedy = f"`python -m rnnsweep.study {plan.study}` says how to count them again"
        tell_once(
            f"of these runs, {count} {'has' if count == 1 else 'have'} a level that is retired in {plan.study}, and no "
            f"report counts {'it' if count == 1 else 'them'}; {remedy}"
        )
