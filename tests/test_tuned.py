"""Tuned sweeps: which trials go on, what is chosen, how many seeds are run, and that a kill changes nothing."""

import dataclasses
import json
import math
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import records
from conftest import TIMES, Prepared, Told

from rnnsweep import checkpoint, looks, planned, status, study_folder
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import StopRequest
from rnnsweep.planned import Planned
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.study_folder import FOLDER
from rnnsweep.sweep import compared, halving
from rnnsweep.sweep.contest import Contest
from rnnsweep.sweep.objective import Objective
from rnnsweep.sweep.plan import Plan
from rnnsweep.sweep.settings import Sweep
from rnnsweep.sweep.tuned import TunedSweep
from rnnsweep.sweep.tuned_arms import TUNING_SEED
from rnnsweep.sweep.tuned_table import closing
from rnnsweep.sweep.view import Progress
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.sweep.worker import Worker
from rnnsweep.tuned_plan import ChosenTrial, Tuned

TUNED = Tuned(
    compare=["cell"],
    tune={"optimizer.lr": "1e-3,1e-2"},
    conditions=[],
    trials=2,
    tuning_seed=10_000,
    rungs=[10],
    metric="val/loss",
    maximised=False,
    seeds=[0, 1, 2],
    looks=[3, 5],
    levels=[0.005, 0.01],
    margin=None,
)


def written(study: Path, name: str, tuned: Tuned, age: float = 0.0) -> None:
    path = study / ".study" / f"tuned-{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dataclasses.asdict(tuned)))
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))


# The file --------------------------------------------------------------------------------------------------------


def chosen(cell: str, trial: str) -> ChosenTrial:
    return ChosenTrial({"cell": cell}, {}, {"optimizer.lr": 1e-3}, trial, 1.5, 2, 1, 1, 0, "open", 3)


def test_what_was_compared_and_tuned_is_read_from_its_file(tmp_path: Path) -> None:
    begun = dataclasses.replace(TUNED, chosen=[chosen("gru", "a"), chosen("rnn", "b")], stages={"plan-1.json": "x"})
    written(tmp_path, "1", begun)
    written(tmp_path, "2", TUNED, age=5)
    assert planned.tuned(tmp_path) == [TUNED, begun]
    (tmp_path / ".study" / "tuned-2.json").write_text('{"compare": ["cell"]}')
    assert planned.tuned(tmp_path) == [begun]
    assert planned.tuned(tmp_path / "none") == []


def test_a_comparison_that_a_newer_one_holds_is_left_out(tmp_path: Path) -> None:
    few = dataclasses.replace(TUNED, chosen=[chosen("gru", "a")])
    many = dataclasses.replace(TUNED, chosen=[chosen("gru", "a"), chosen("rnn", "b")])
    written(tmp_path, "few", few, age=5)
    written(tmp_path, "many", many)
    assert planned.tuned(tmp_path) == [many]


def test_fresh_seeds_follow_those_of_the_first_look_and_leave_the_tuning_seed_out() -> None:
    assert TUNED.fresh(2) == [0, 1]
    assert TUNED.fresh(5) == [0, 1, 2, 3, 4]
    assert dataclasses.replace(TUNED, seeds=[9_999, 7]).fresh(4) == [9_999, 7, 10_001, 10_002]


# Halving ---------------------------------------------------------------------------------------------------------


def test_rungs_are_validations_at_a_ninth_and_a_third() -> None:
    assert halving.rungs(90, 10) == [10, 30]
    assert halving.rungs(2000, 250) == [250, 750]
    assert halving.rungs(300, 100) == [100]
    assert halving.rungs(500, 250) == [250]
    assert halving.rungs(300, 300) == halving.rungs(300, 1000) == []


def test_the_best_third_goes_on_in_both_directions() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0, 6.0, 7.0]
    assert halving.kept(values, maximised=False) == [1, 3, 4]
    assert halving.kept(values, maximised=True) == [0, 5, 6]
    assert halving.kept([2.0, 1.0, 1.0, 1.0], maximised=False) == [1, 2]  # of equal ones the earlier
    assert halving.kept([math.inf, math.inf, 3.0, math.inf], maximised=False) == [2]  # what diverged never goes on
    assert halving.kept([math.inf] * 3, maximised=False) == []
    assert halving.kept([1.0], maximised=True) == [0]


def test_a_trial_is_judged_as_it_stood_at_the_rung(tmp_path: Path) -> None:
    loss, accuracy = Objective("val/loss"), Objective("val/accuracy", maximised=True)
    store = RunStore(tmp_path / "run")
    store.path.mkdir()
    for step, value in ((10, 3.0), (20, 2.0), (30, math.nan)):
        store.log(step, "val", {"loss": value, "accuracy": 1 / step})
    assert [halving.value_at(store, step, loss) for step in (10, 20, 30)] == [3.0, 2.0, math.inf]
    assert [halving.value_at(store, step, accuracy) for step in (10, 20, 30)] == [0.1, 0.05, 1 / 30]
    over = RunStore(records.run(tmp_path, 1.5, status="diverged"))
    assert halving.value_at(over, 100, loss) == halving.final_value(over, loss) == math.inf
    patient = RunStore(records.run(tmp_path, 1.5, seed=1))  # complete at step 100
    assert halving.value_at(patient, 200, loss) == halving.final_value(patient, loss) == 1.5


# Looks -----------------------------------------------------------------------------------------------------------


def test_more_seeds_go_to_open_comparisons_alone() -> None:
    spread = np.random.default_rng(0).normal(0, 0.1, 5)
    tuned = dataclasses.replace(TUNED, margin=0.05)
    contest = Contest({0: 1.0, 1: 1.2, 2: 1.1, 3: 1.05}, tuned)
    assert contest.leader == 0
    first = {0: [0.0] * 3, 1: [2.0, 2.01, 1.99], 2: [0.001, -0.001, 0.0], 3: list(spread[:3])}
    contest.look(0, first)
    assert [contest.standing(n) for n in range(4)] == ["leader", "differs", "equivalent", "open"]
    assert contest.entrants == [0, 3]
    contest.look(1, {0: [0.0] * 5, 3: list(spread)})
    assert contest.seeds == {0: 5, 1: 3, 2: 3, 3: 5}
    assert contest.standing(3) == "open"


def test_the_leader_is_the_best_in_the_direction_of_the_metric() -> None:
    tuned = dataclasses.replace(TUNED, maximised=True)
    assert Contest({0: 0.5, 1: 0.9, 2: 0.9}, tuned).leader == 1


def test_a_comparison_with_a_diverged_seed_stays_open_and_gets_no_more_seeds() -> None:
    contest = Contest({0: 1.0, 1: 1.2}, TUNED)
    contest.look(0, {0: [0.0, 0.1, 0.2], 1: [5.0, math.nan, 5.1]})
    assert contest.standing(1) == "open"
    assert contest.entrants == []


@pytest.mark.parametrize("arms", [2, 4, 8])
def test_a_leader_that_is_known_before_keeps_the_error_rate(arms: int) -> None:
    draw, wrong = np.random.default_rng(arms), 0
    tuned = dataclasses.replace(TUNED, looks=list(looks.SEEDS), levels=list(looks.ALPHAS), margin=0.01)
    for _ in range(300):
        values = draw.normal(size=(arms, 18)) + draw.normal(size=18)  # seeds are easy or hard for all arms
        contest = Contest(dict(enumerate(draw.normal(size=arms))), tuned)
        for number, count in enumerate(tuned.looks):
            if contest.entrants:
                contest.look(number, {n: list(values[n, :count]) for n in contest.entrants})
        wrong += "differs" in contest.verdicts.values()
    assert wrong / 300 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 300)


# What is refused -------------------------------------------------------------------------------------------------

TASK = ("task=parity", "task.examples=200", "task.held_out=40", "train.batch_size=20", "cell.hidden_size=8")
SHORT = (*TASK, "train.steps=18", "train.eval_every=2", "train.log_every=2")
TUNE = 'hydra.sweeper.tune={optimizer.lr: "tag(log, interval(1e-3, 1e-1))"}'
RATES = 'hydra.sweeper.tune={optimizer.lr: "1e-4,1e-3,1e-2"}'
COMPARE = ("-m", *SHORT, "cell=gru,rnn", "hydra.sweeper.compare=cell")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tune": {"optimizer.lr": "1,2"}}, "tune: tunes each compared arm"),
        ({"tune": {"cell": "gru,rnn"}, "compare": "cell"}, "tune: `cell` cannot be compared and tuned"),
        ({"tune": {"seed": "1,2"}, "compare": "cell"}, "tune: the seed is not tuned"),
        ({"compare": ["cell", "seed"]}, "compare: seeds are not compared"),
        ({"compare": "cell", "search": "tpe"}, "search: a search does not compare"),
        ({"compare": "cell", "tune": {"optimizer.lr": "1,2"}, "search": "tpe"}, "search: a search tunes by itself"),
        ({"compare": "cell", "seeds_max": 18}, "seeds_max: belongs to a tuned sweep"),
        ({"compare": "cell", "margin": 0.1}, "margin: belongs to a tuned sweep"),
        ({"compare": "cell", "tune": {"optimizer.lr": "1,2"}, "margin": 0.1}, "margin: is judged at planned looks"),
        ({"compare": "cell", "tune": {"optimizer.lr": "1,2"}, "pruner": "median"}, "pruner: a tuned sweep prunes by"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        compared.check(Sweep(name="x", **settings))
    assert str(error.value).startswith(f"hydra.sweeper.{said}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*COMPARE, "cell=gru", TUNE), "`hydra.sweeper.compare=cell`: `cell` has one value"),
        ((*COMPARE, "cell=gru"), "`hydra.sweeper.compare=cell`: `cell` has one value"),
        ((*COMPARE, "hydra.sweeper.compare=cel", TUNE), "as in `cel=A,B`. Did you mean `cell`?"),
        ((*COMPARE, "hydra.sweeper.compare=cell.hiden_size"), "Did you mean `cell.hidden_size`?"),
        ((*COMPARE, TUNE, "optimizer.lr=1e-3"), "`optimizer.lr=1e-3`: it is tuned; leave this out"),
        ((*COMPARE, TUNE, "hydra.sweeper.seeds_max=2"), "`hydra.sweeper.seeds_max=2`: expected 3 to 18 seeds, got 2"),
        (
            (
                *COMPARE,
                TUNE,
                "hydra.sweeper.seeds_max=8",
                "hydra.sweeper.margin=2",
                "hydra.sweeper.metrics=val/accuracy",
            ),
            "`hydra.sweeper.margin=2`: expected less than 1, because `accuracy` is a share",
        ),
        ((*COMPARE, TUNE, "hydra.sweeper.seeds_max=8", "seed=range(4)"), "the first planned look is at 3 seeds"),
        ((*COMPARE, TUNE, "seed=1,10000"), "`seed=1,10000`: 10000 is the seed of the tuning trials"),
        ((*COMPARE, TUNE, "hydra.sweeper.draws=3"), "`hydra.sweeper.draws=3`: belongs to a grid"),
        ((*COMPARE, TUNE, "rerun=true"), "a tuned sweep is not trained anew"),
        ((*COMPARE, TUNE, "hydra.sweeper.metrics=test/loss"), "trials are chosen by a validation metric"),
        ((*COMPARE, 'hydra.sweeper.tune={train.clip: "1.0"}'), "holds one point"),
        ((*COMPARE, 'hydra.sweeper.tune={optimizer.lr: "1e-3,0.001"}'), "holds one point"),
        ((*COMPARE, 'hydra.sweeper.tune={cell.clip: "1.0,2.0"}'), "A tuned setting must exist in every arm"),
        ((*COMPARE, 'hydra.sweeper.tune={train.threads: "1,2"}'), "two trials are the same run"),
    ],
)
def test_what_cannot_be_tuned_is_refused_by_name(words: tuple[str, ...], said: str, refused: Told) -> None:
    told = refused(*words)
    print(told)
    assert said in told


# Stages ----------------------------------------------------------------------------------------------------------

Loss = Callable[[dict[str, Any], int], float]
"""From a run's config and a step to what it would have reached there; infinite where it would diverge."""


class Trainer:
    """Trains nothing: leaves the rows, checkpoints and records that runs with such losses would leave.

    Args:
        loss: of each run at each step.
        dies_after: so many runs, as if somebody killed the sweep then.
    """

    def __init__(self, loss: Loss, dies_after: int = 10**9):
        self.loss, self.dies_after = loss, dies_after
        self.stages: list[int] = []
        self.trained: list[tuple[str, int | None]] = []

    def __call__(self, plan: Plan) -> Progress:
        plan.save()
        self.stages.append(len(plan.runs))
        for run in plan.runs:
            if not plan.is_over(run):
                if self.dies_after == len(self.trained):
                    raise KeyboardInterrupt
                self.trained.append((run.id, run.until))
                self._train(plan.store(run), run)
        progress = Progress(plan)
        progress.look()
        return progress

    def _train(self, store: RunStore, run: Planned) -> None:
        store.path.mkdir(parents=True, exist_ok=True)
        store.begin(run.config)
        begun, end = checkpoint.step(store), run.until or 18
        losses = {step: self.loss(run.config, step) for step in range(begun + 2, end + 1, 2)}
        for step, loss in losses.items():
            store.log(step, "val", {"loss": loss, "accuracy": -loss})
        best = {"step": end, "val/loss": loss, "val/accuracy": -loss, "test/loss": loss, "test/accuracy": -loss}
        standing = {"last": {}, "best": {}, "seconds": 1.0, "steps": end}
        checkpoint.save(store, "last.pt", {"step": end, "code": {}, "standing": standing, "weights": {}})
        store.release()
        if math.isinf(loss) or run.until is None:
            status = "diverged" if math.isinf(loss) else "complete"
            store.finish(RunRecord(run.id, status, {}, best, 1, 1.0, end, run.config, {}))  # type: ignore[arg-type]


def rate(config: dict[str, Any]) -> float:
    return float(math.log10(config["optimizer"]["lr"]))


def near(config: dict[str, Any], step: int = 0) -> float:
    """A loss that is lowest at a rate of 0.01; the GRU is better."""
    return abs(rate(config) + 2) + 1 + (config["choices"]["cell"] == "rnn") - step / 1000


def statuses(sweep: TunedSweep) -> Counter[str]:
    found = [RunStore(sweep.study / path.parent.name).record() for path in sweep.study.glob("*/record.json")]
    return Counter(record.status for record in found if record)


def tuned_sweep(prepared: Prepared, *words: str) -> TunedSweep:
    (sweep,) = prepared(*COMPARE, *words)
    assert isinstance(sweep, TunedSweep)
    return sweep


def test_the_best_third_of_each_arm_goes_on_and_the_best_setting_meets_fresh_seeds(prepared: Prepared) -> None:
    sweep = tuned_sweep(prepared, TUNE, "hydra.sweeper.tune_trials=9")
    train = Trainer(near)
    assert sweep.swept(train)
    assert train.stages == [18, 6, 2, 6]
    assert statuses(sweep) == {"complete": 2 + 6, "pruned": 16}
    gru, rnn = sweep.tuned.chosen
    rates = [rate(run.config) for run in planned.read(sweep.study / FOLDER / next(iter(sweep.tuned.stages))) or []]
    assert math.log10(gru.setting["optimizer.lr"]) == min(rates, key=lambda each: abs(each + 2))
    assert gru.setting == rnn.setting
    assert (gru.configurations, gru.finished, gru.pruned, gru.verdict) == (9, 1, 8, None)
    assert planned.tuned(sweep.study) == [sweep.tuned]
    said = closing(sweep.tuned, sweep.study)
    assert "best on validation" in said
    assert "difference to gru" in said


def test_what_diverged_is_not_chosen_whatever_the_direction(prepared: Prepared) -> None:
    words = (TUNE, "hydra.sweeper.tune_trials=6", "hydra.sweeper.metrics=val/accuracy")
    sweep = tuned_sweep(prepared, *words)

    def loss(config: dict[str, Any], step: int) -> float:
        late = step > 4 and rate(config) > -2.5  # of the arm rnn all that pass the first rung
        return math.inf if config["choices"]["cell"] == "rnn" and late else near(config, step)

    assert sweep.swept(Trainer(loss))
    assert sweep.tuned.maximised
    by_cell = {chosen.arm["cell"]: chosen for chosen in sweep.tuned.chosen}
    assert by_cell["gru"].value == pytest.approx(
        -near({"choices": {"cell": "gru"}, "optimizer": {"lr": by_cell["gru"].setting["optimizer.lr"]}}, 18)
    )
    assert "rnn" not in by_cell or by_cell["rnn"].diverged


@pytest.mark.parametrize(
    "kills", [(1, 19, 3), *(pytest.param(kills, marks=pytest.mark.slow) for kills in ((5, 18, 1), (24, 1, 1)))]
)
def test_killed_anywhere_it_chooses_the_same(kills: tuple[int, ...], prepared: Prepared) -> None:
    words = (TUNE, "hydra.sweeper.tune_trials=9")
    whole = tuned_sweep(prepared, *words, "hydra.sweeper.name=whole")
    assert whole.swept(Trainer(near))
    for after in kills:
        with pytest.raises(KeyboardInterrupt):
            tuned_sweep(prepared, *words).swept(Trainer(near, after))
    sweep = tuned_sweep(prepared, *words)
    assert sweep.swept(Trainer(near))
    assert sweep.tuned.chosen == whole.tuned.chosen
    assert statuses(sweep) == statuses(whole)
    again = Trainer(near)
    assert tuned_sweep(prepared, *words).swept(again)
    assert again.trained == []


def test_more_trials_and_arms_extend_a_study(prepared: Prepared) -> None:
    few, many = (f"hydra.sweeper.tune_trials={count}" for count in (4, 12))
    whole = tuned_sweep(prepared, TUNE, many, "cell=gru,rnn,lstm", "hydra.sweeper.name=whole")
    rates = [point["optimizer.lr"] for point in points(whole)]

    def loss(config: dict[str, Any], _: int) -> float:  # the first points are the best
        return 1.0 + rates.index(config["optimizer"]["lr"])

    assert whole.swept(Trainer(loss))
    assert tuned_sweep(prepared, TUNE, few).swept(before := Trainer(loss))
    sweep = tuned_sweep(prepared, TUNE, many, "cell=gru,rnn,lstm")
    assert sweep.swept(train := Trainer(loss))
    one, other = ([(each.arm, each.trial, each.value) for each in made.tuned.chosen] for made in (sweep, whole))
    assert one == other
    assert not set(train.trained) & set(before.trained)
    assert {name for name, _ in train.trained} & {name for name, _ in before.trained}  # what was pruned goes on
    assert [text for text in sweep.tuned.stages.values() if not text]  # those of the first command
    assert planned.tuned(sweep.study) == [sweep.tuned]


def test_fresh_seeds_are_added_until_it_is_decided(prepared: Prepared) -> None:
    looks_at = ("hydra.sweeper.seeds_max=8", "hydra.sweeper.margin=0.05")
    words = (TUNE, "hydra.sweeper.tune_trials=3", "cell=gru,rnn,lstm,minlstm", *looks_at)

    def loss(config: dict[str, Any], step: int) -> float:
        chance = np.random.default_rng([config["seed"], len(config["choices"]["cell"])]).normal()
        spread = {"gru": 0.0, "rnn": 0.01, "lstm": 0.5, "minlstm": 1e-3}[config["choices"]["cell"]]
        return near(config, step) + spread * chance * (config["seed"] != TUNING_SEED)

    sweep = tuned_sweep(prepared, *words)
    assert sweep.swept(train := Trainer(loss))
    found = {chosen.arm["cell"]: (chosen.verdict, chosen.seeds) for chosen in sweep.tuned.chosen}
    assert found == {"gru": ("leader", 8), "rnn": ("differs", 3), "lstm": ("open", 8), "minlstm": ("equivalent", 3)}
    assert train.stages[-3:] == [12, 10, 16]
    seeds = {RunStore(path.parent).config()["seed"] for path in sweep.study.glob("*lstm*/record.json")}  # type: ignore[index]
    assert seeds == {*range(8), TUNING_SEED}
    assert "(99.67%)" in closing(sweep.tuned, sweep.study)  # 1 - .01 / 3


def test_a_study_that_has_begun_keeps_its_looks(prepared: Prepared, refused: Told) -> None:
    words = (*COMPARE, TUNE, "hydra.sweeper.tune_trials=2")
    with pytest.raises(KeyboardInterrupt):
        tuned_sweep(prepared, *words[len(COMPARE) :], "hydra.sweeper.seeds_max=8").swept(Trainer(near, 0))
    for other in ("hydra.sweeper.seeds_max=12", "hydra.sweeper.seeds_max=null"):
        assert "another hydra.sweeper.name" in refused(*words, other)
    wide = refused(*words, "hydra.sweeper.seeds_max=8", "hydra.sweeper.margin=0.2")
    assert wide.startswith(
        "`hydra.sweeper.margin=0.2`: the study began with none and cannot go on with a margin of 0.2"
    )
    assert "`seed=1,2,3`" in refused(*words, "hydra.sweeper.seeds_max=8", "seed=1,2,3")
    assert isinstance(prepared(*words, "hydra.sweeper.seeds_max=8", "hydra.sweeper.tune_trials=4")[0], TunedSweep)


def test_trials_that_were_chosen_among_are_not_taken_back(prepared: Prepared, refused: Told) -> None:
    assert tuned_sweep(prepared, TUNE, "hydra.sweeper.tune_trials=4").swept(Trainer(near))
    told = refused(*COMPARE, TUNE, "hydra.sweeper.tune_trials=2")
    assert told.startswith("`hydra.sweeper.tune_trials=2`: ")
    assert "has chosen among 4 trials of each arm, and not among 2; use 4 or more" in told
    assert isinstance(prepared(*COMPARE, TUNE, "hydra.sweeper.tune_trials=4")[0], TunedSweep)


def up_to(rate: str) -> str:
    return f"hydra.sweeper.tune={{optimizer.lr: [1e-3,{rate}]}}"


def test_seeds_that_were_seen_are_not_fresh_for_another_range(prepared: Prepared, refused: Told) -> None:
    rest = ("hydra.sweeper.tune_trials=2", "hydra.sweeper.seeds_max=5")
    narrow, wide = map(up_to, ("2e-3", "1e-2"))
    first = tuned_sweep(prepared, narrow, *rest)
    assert tuned_sweep(prepared, wide, *rest).tuned.seeds == [0, 1, 2]  # nobody has seen a result of them yet
    assert first.swept(Trainer(near))
    second = tuned_sweep(prepared, wide, *rest)
    assert second.tuned.seeds == [5, 6, 7]  # the first may have run five
    (note,) = [note for note in second.notes if "fresh" in note]
    assert "5, 6, 7: those of an earlier comparison of this study, 0, 1, 2, 3, 4, are no longer fresh" in note
    assert "used the seeds 2, 3, 4; its results may have led" in refused(*COMPARE, wide, *rest, "seed=2,3,4")
    assert second.swept(Trainer(near))
    assert tuned_sweep(prepared, wide, *rest).tuned.seeds == [5, 6, 7]
    assert tuned_sweep(prepared, narrow, *rest).tuned.seeds == [0, 1, 2]


# Points ----------------------------------------------------------------------------------------------------------


def points(sweep: TunedSweep) -> list[dict[str, Any]]:
    first, *others = [[trial.setting for trial in arm.trials] for arm in sweep.arms]
    assert all(other == first for other in others)  # the same for all arms
    return first


def test_points_are_a_small_grid_whole_or_distinct_draws(prepared: Prepared) -> None:
    grid = 'hydra.sweeper.tune={optimizer.lr: [1e-3,1e-2], train.clip: "choice(null, 1.0)"}'
    whole = [{"optimizer.lr": lr, "train.clip": clip} for lr in (1e-3, 1e-2) for clip in (None, 1.0)]
    sweep = tuned_sweep(prepared, grid, "train.eval_every=18")
    assert points(sweep) == whole
    assert (sweep.rungs, sweep.tuned.trials) == (0, 4)
    assert [note.split(":")[0].split(";")[0] for note in sweep.notes] == [
        "what is tuned has 4 points",
        "no trial is pruned",
    ]
    three = points(tuned_sweep(prepared, grid, "hydra.sweeper.tune_trials=3"))
    assert len(three) == 3
    assert all(point in whole for point in three)
    assert len({str(point) for point in three}) == 3
    few, many = (points(tuned_sweep(prepared, TUNE, f"hydra.sweeper.tune_trials={count}")) for count in (4, 7))
    assert many[:4] == few
    assert len({point["optimizer.lr"] for point in many}) == 7


def test_conditions_are_tuned_for_themselves_and_groups_can_be_tuned(prepared: Prepared) -> None:
    tune = 'hydra.sweeper.tune={optimizer: "adam,sgd"}'
    sweep = tuned_sweep(prepared, tune, "cell.hidden_size=4,8", "hydra.sweeper.skip='cell.hidden_size == 4'")
    assert [(arm.condition, arm.arm) for arm in sweep.arms] == [
        ({"cell.hidden_size": 8}, {"cell": "gru"}),
        ({"cell.hidden_size": 8}, {"cell": "rnn"}),
    ]
    assert points(sweep) == [{"optimizer": "adam"}, {"optimizer": "sgd"}]
    assert sweep.tuned.conditions == ["cell.hidden_size"]


def test_a_grid_can_say_what_it_compares(prepared: Prepared) -> None:
    (plan,) = prepared(*COMPARE, "optimizer.lr=1e-3,1e-2")
    assert isinstance(plan, Plan)
    assert plan.declared is not None
    assert (plan.declared.compare, plan.declared.tune, plan.declared.metric) == (["cell"], {}, "val/loss")
    compared.Declared(plan.study, [], plan.declared).begin()
    assert planned.tuned(plan.study) == [plan.declared]


# Real runs -------------------------------------------------------------------------------------------------------


def work(plan: Plan) -> Progress:
    plan.save()
    Worker(plan, WorkOptions(stack=1), StopRequest()).work()
    progress = Progress(plan)
    progress.look()
    return progress


def result(path: Path) -> tuple[Any, ...]:
    """The outcome of a run and its rows, without times."""
    store = RunStore(path)
    record = store.record()
    assert record is not None
    rows = [{key: value for key, value in row.items() if key not in TIMES} for row in store.rows()]
    return record.status, record.best, record.parameters, record.steps, rows


def test_a_run_that_waited_at_its_rungs_has_the_numbers_that_it_has_alone(prepared: Prepared) -> None:
    words = ("hydra.sweeper.tune_trials=3", "seed=0", "hydra.sweeper.name=whole", "train.kernel=scan")
    sweep = tuned_sweep(prepared, TUNE, *words)
    assert sweep.swept(work)
    for chosen in sweep.tuned.chosen:
        config = RunStore(sweep.study / chosen.trial).config()
        assert config is not None
        alone = Plan(Path("alone"), [Planned(chosen.trial, "", config, [])])
        assert work(alone).left == 0
        assert result(alone.study / chosen.trial) == result(sweep.study / chosen.trial)
    for path in sweep.study.glob("*/record.json"):
        status, _, parameters, steps, rows = result(path.parent)
        if status == "pruned":
            assert (parameters > 0, steps, max(row["step"] for row in rows)) == (True, steps, steps)
            assert steps in sweep.tuned.rungs
    assert statuses(sweep) == {"complete": 4, "pruned": 4}


def test_status_names_each_worker_once(
    prepared: Prepared, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for high in ("2e-3", "1e-2"):
        words = (up_to(high), "hydra.sweeper.tune_trials=2")
        assert tuned_sweep(prepared, *words).swept(Trainer(near))
    worker = study_folder.worker_file(Path("multirun/default"), "host", 12)
    worker.parent.mkdir(parents=True, exist_ok=True)
    worker.write_text(json.dumps({"pid": 12, "time": time.time(), "runs": []}))
    monkeypatch.setattr(sys, "argv", ["status", "multirun/default"])
    status.main()
    assert capsys.readouterr().out.count("worker 12: waits") == 1


def test_status_and_plan_tell_the_stages(
    prepared: Prepared, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*COMPARE, TUNE, "hydra.sweeper.tune_trials=4", "hydra.sweeper.seeds_max=5")
    prepared(*words, "hydra.sweeper.plan=true")
    said = capsys.readouterr().out
    assert re.search(r"rung 1 of 3 \(to step 2\) +8 +2 ", said)
    assert re.search(r"rung 3 of 3 \(to their end\) +2 +12 ", said)
    assert "later looks add at most 4 runs" in said
    with pytest.raises(KeyboardInterrupt):
        tuned_sweep(prepared, *words[len(COMPARE) :]).swept(Trainer(near, 9))
    monkeypatch.setattr(sys, "argv", ["status", "multirun/default"])
    status.main()
    said = capsys.readouterr().out
    assert "tuning, rung 1 of 3 (to step 2): 8/8 runs  8 at the rung" in said
    assert "tuning, rung 2 of 3 (to step 6): 1/4 runs  1 at the rung  3 to do" in said
    assert "no setting is chosen yet" in said
