"""Searches: what is drawn, trials that end, are pruned, are resumed; the storage's word is final."""

import dataclasses
import json
import math
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from conftest import CONF, Compose, Prepared, Told
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution, json_to_distribution
from optuna.trial import TrialState

from rnnsweep import planned, results, run
from rnnsweep.errors import TOLD, ConfigError
from rnnsweep.interrupt import StopRequest
from rnnsweep.record import RunRecord, RunStore
from rnnsweep.report.collect import collect
from rnnsweep.sweep.grammar import Grammar
from rnnsweep.sweep.objective import Objective, objective
from rnnsweep.sweep.plan import Plan, Planned
from rnnsweep.sweep.pruning import Pruning, validations
from rnnsweep.sweep.samplers import Pruner
from rnnsweep.sweep.search import Search
from rnnsweep.sweep.search_planner import objectives
from rnnsweep.sweep.search_worker import SearchWorker
from rnnsweep.sweep.settings import Sweep
from rnnsweep.sweep.trials import Trials
from rnnsweep.sweep.work_options import WorkOptions
from rnnsweep.tasks.parity import Parity
from rnnsweep.types import Metric

SMALL = ("task=parity", "task.examples=100", "task.held_out=40", "train.batch_size=20", "cell.hidden_size=4")
SHORT = (*SMALL, "train.steps=12", "train.eval_every=4", "train.log_every=4")
LR = {"optimizer.lr": {"name": "FloatDistribution", "attributes": {"low": 1e-4, "high": 0.1, "log": True}}}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("optimizer.lr=interval(0.1,0.2)", FloatDistribution(0.1, 0.2)),
        ("optimizer.lr=tag(log, interval(1e-4,1e-1))", FloatDistribution(1e-4, 0.1, log=True)),
        ("cell.hidden_size=int(interval(8,64))", IntDistribution(8, 64)),
        ("cell.hidden_size=tag(log, int(interval(8,64)))", IntDistribution(8, 64, log=True)),
        ("cell.hidden_size=range(8,33,8)", IntDistribution(8, 32, step=8)),
        ("train.clip=null,0.5,1.0", CategoricalDistribution([None, 0.5, 1.0])),
        ("task.output='each','last'", CategoricalDistribution(["each", "last"])),
        ("task.prompts=['a b'],[c,'d e']", CategoricalDistribution([["a b"], ["c", "d e"]])),
    ],
)
def test_the_space_in_hydras_grammar(text: str, wanted: Any) -> None:
    with initialize_config_dir(str(CONF)):
        grammar = Grammar(GlobalHydra.instance().config_loader())
        assert json_to_distribution(json.dumps(grammar.distribution(grammar.override(text)))) == wanted


def test_an_empty_range_is_refused() -> None:
    with initialize_config_dir(str(CONF)):
        grammar = Grammar(GlobalHydra.instance().config_loader())
        with pytest.raises(ConfigError, match=r"optimizer.lr: cannot be searched"):
            grammar.distribution(grammar.override("optimizer.lr=tag(log, interval(0,1))"))


def search(composed: Compose, study: Path, **options: Any) -> Search:
    config = composed(*SHORT) | {"out": str(study)}
    described: dict[str, Any] = {
        "sampler": "random",
        "pruner": "none",
        "n_trials": 4,
        "metrics": ("val/loss",),
        "seeds": (0,),
        "storage": None,
        "groups": {},
        "bases": {"": (config, LR)},
        "identities": {},
    }
    return Search(study, **described | options)


def work(described: Search) -> Any:
    SearchWorker(described, WorkOptions(1, 1), StopRequest()).work()
    return described.open()


def test_failed_trials_are_tried_again_and_stop_the_others_when_asked(
    composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = search(composed, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("rnnsweep.run.execution.make_member", lambda *_: 1 / 0)
        options = WorkOptions(1, 1, "stop")
        SearchWorker(described, options, StopRequest()).work()
        SearchWorker(described, options, StopRequest()).work()  # another worker sees that it is over
    (failed,) = described.open().trials
    assert failed.state.name == "FAIL"
    (tmp_path / ".study" / "stop").unlink()
    trials = Trials(described)
    assert trials.failed
    assert "ZeroDivisionError" in trials.closing_table()
    described.retry(trials.study)
    study = work(described)
    assert [trial.state.name for trial in study.trials] == ["FAIL", *["COMPLETE"] * 4]
    assert study.trials[1].params == failed.params
    assert not trials.failed
    assert trials.left == 0
    assert trials.summary().startswith("4/4 trials")


def test_a_run_of_two_searches_is_there_once_and_not_missing(composed: Compose, tmp_path: Path) -> None:
    """The second search draws what the first has drawn; the report missed as many runs as the two share."""
    for metric in ("val/loss", "parameters"):
        described = search(composed, tmp_path, n_trials=1, metrics=(metric,))
        described.save()
        work(described)
    assert planned.repeated(tmp_path) == 1
    assert list(collect([tmp_path])["state"]) == ["complete"]


@pytest.mark.parametrize("sampler", ["tpe", "random", "gp", "cmaes", "qmc", "nsgaii"])
def test_every_sampler(sampler: str, composed: Compose, tmp_path: Path) -> None:
    two = LR | {"optimizer.beta1": {"name": "FloatDistribution", "attributes": {"low": 0.5, "high": 0.95}}}
    described = search(composed, tmp_path, sampler=sampler, bases={"": (composed(*SHORT), two)}, n_trials=3)
    trials = work(described).trials
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 3
    assert len({trial.params["optimizer.lr"] for trial in trials}) == 3
    for trial in trials:
        (name,) = trial.user_attrs["runs"]
        record = json.loads((tmp_path / name / "record.json").read_text())
        assert record["best"]["val/loss"] == trial.value
        assert record["config"]["optimizer"]["lr"] == trial.params["optimizer.lr"]


def test_n_trials_is_the_total_and_a_continued_search_draws_anew(composed: Compose, tmp_path: Path) -> None:
    assert len(work(search(composed, tmp_path, n_trials=2)).trials) == 2
    assert len(work(search(composed, tmp_path, n_trials=2)).trials) == 2
    trials = work(search(composed, tmp_path, n_trials=5)).trials
    assert len({trial.params["optimizer.lr"] for trial in trials}) == 5


def test_a_trial_whose_owner_died_while_it_drew_is_finished(composed: Compose, tmp_path: Path) -> None:
    described = search(composed, tmp_path, n_trials=2)
    described.open().ask()
    trials = work(described).trials
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2


def test_qmc_is_one_sobol_sequence(composed: Compose, tmp_path: Path) -> None:
    """Of 8 points of a scrambled Sobol sequence each eighth of the range holds one; of 8 random ones hardly."""
    described = search(composed, tmp_path, sampler="qmc", n_trials=9)
    trials = work(described).trials
    places = [(math.log10(trial.params["optimizer.lr"]) + 4) / 3 for trial in trials[1:]]
    assert len({int(8 * place) for place in places}) >= 7


@pytest.mark.slow
def test_an_execution_setting_continues_the_same_search(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rnnsweep", "-m", *SHORT, "optimizer.lr=1e-3,1e-2", "hydra.sweeper.search=random"]
    for extra in ("train.threads=1", "train.checkpoint_seconds=3.0"):
        options = [extra, "hydra.sweeper.n_trials=3", "seed=4,5"]
        result = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True)
        assert "3/3 trials" in result.stdout, result.stdout + result.stderr
    configs = [json.loads(path.read_text()) for path in tmp_path.glob("multirun/default/*/config.json")]
    assert {config["seed"] for config in configs} == {4, 5}
    assert len(configs) <= 6


def test_a_setting_that_is_drawn_again_is_no_missing_run(composed: Compose, tmp_path: Path) -> None:
    two = {"optimizer.lr": {"name": "CategoricalDistribution", "attributes": {"choices": [0.1, 0.01]}}}
    described = search(composed, tmp_path, bases={"": (composed(*SHORT) | {"out": str(tmp_path)}, two)}, n_trials=6)
    described.save()
    found = results(tmp_path)
    assert list(found["status"]) == ["missing"] * 6
    work(described)
    found = results(tmp_path)
    assert 1 <= len(found) <= 2
    assert set(found["status"]) == {"complete"}


def test_the_value_is_the_mean_over_the_seeds(composed: Compose, tmp_path: Path) -> None:
    study = work(search(composed, tmp_path, seeds=(0, 1, 2), n_trials=1))
    names = study.trials[0].user_attrs["runs"]
    losses = [json.loads((tmp_path / name / "record.json").read_text())["best"]["val/loss"] for name in names]
    assert len(set(losses)) == 3
    assert study.trials[0].value == pytest.approx(sum(losses) / 3)


def test_several_objectives_and_groups(composed: Compose, tmp_path: Path) -> None:
    bases = {f"cell={cell}": (composed(*SHORT, f"cell={cell}"), LR) for cell in ("rnn", "lstm")}
    described = search(
        composed,
        tmp_path,
        metrics=("-val/accuracy", "parameters"),
        groups={"cell": ["rnn", "lstm"]},
        bases=bases,
        n_trials=6,
    )
    trials = work(described).trials
    assert {trial.params["cell"] for trial in trials} == {"rnn", "lstm"}
    sizes = {trial.params["cell"]: trial.values[1] for trial in trials}
    assert sizes["lstm"] > sizes["rnn"]
    table = Trials(described).closing_table()
    assert re.search(r"^trial \d+: val/accuracy 0\.\d+  parameters \d+$", table, re.MULTILINE)


def test_pruned_is_not_failed(composed: Compose, tmp_path: Path) -> None:
    """After four trials the median pruner stops those that are worse than the median of the others."""
    described = search(composed, tmp_path, pruner="median", n_trials=14, seeds=(0, 1))
    study = work(described)
    states = {trial.state for trial in study.trials}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED}
    pruned = next(trial for trial in study.trials if trial.state == TrialState.PRUNED)
    records = [json.loads((tmp_path / name / "record.json").read_text()) for name in pruned.user_attrs["runs"]]
    assert [record["status"] for record in records] == ["pruned", "pruned"]
    assert records[0]["steps"] < 12
    assert set(pruned.intermediate_values) <= {step * 20 * 20 for step in (4, 8, 12)}  # at equal tokens
    assert not Trials(described).failed


@pytest.mark.parametrize("pruner", ["median", "asha", "hyperband"])
@pytest.mark.parametrize("metric", ["val/loss", "-val/accuracy"])
def test_good_trials_survive_every_pruner_in_both_directions(
    metric: str, pruner: Pruner, composed: Compose, tmp_path: Path
) -> None:
    """A trial that is the best so far is never pruned; bad ones are. The other metric says the opposite."""
    first = run.prepare(composed(*SMALL, "train.steps=9", "train.eval_every=1"))
    member = run.make_member(first, RunStore(tmp_path))
    quality = {"q": {"name": "FloatDistribution", "attributes": {"low": 0.0, "high": 1.0}}}
    described = search(
        composed, tmp_path, pruner=pruner, metrics=(metric,), bases={"": ({}, quality)}, tokens=validations(first)
    )
    study, plan = described.open(), Plan(tmp_path, [])
    planned = Planned(member.run, "", {}, [])
    best, pruned = -math.inf, 0
    study.sampler = optuna.samplers.RandomSampler(seed=0)
    for _ in range(40):
        trial = study.ask()
        described.suggest(trial)
        judge = Pruning(trial, [planned], plan, described.objectives[0])
        for step in range(1, 10):
            good = trial.params["q"] * step
            told = {"val/accuracy": good, "val/loss": good if metric == "-val/accuracy" else -good}
            if judge([dataclasses.replace(member, last=told)], step):
                assert trial.params["q"] < best
                study.tell(trial, state=TrialState.PRUNED)
                pruned += 1
                break
        else:
            study.tell(trial, told[metric.removeprefix("-")])
        best = max(best, trial.params["q"])
    assert 5 <= pruned <= 35
    assert study.best_params["q"] == best


def test_the_objective_itself_is_reported_as_the_mean_over_the_seeds(composed: Compose, tmp_path: Path) -> None:
    """Not the loss; and of two seeds that leave each other's company, what the first one ended with."""
    shape = (*SHORT, "train.patience=1", "optimizer=sgd", "optimizer.lr=5.0", "train.clip=null")
    lr = {"optimizer.lr": {"name": "FloatDistribution", "attributes": {"low": 4.0, "high": 5.0}}}
    config = composed(*shape)
    described = search(
        composed,
        tmp_path,
        metrics=("-val/accuracy",),
        pruner="median",
        seeds=(0, 1),
        n_trials=1,
        bases={"": (config, lr)},
    )
    (trial,) = work(described).trials
    rows = {}
    for name in trial.user_attrs["runs"]:
        for row in RunStore(tmp_path / name).rows():
            if row["split"] == "val":
                rows.setdefault(row["step"], []).append(row["accuracy"])
    together = {step * 400: sum(values) / 2 for step, values in rows.items() if len(values) == 2}
    assert together
    assert together.items() <= trial.intermediate_values.items()


@pytest.mark.parametrize("pruner", ["asha", "hyperband"])
def test_the_rungs_begin_at_the_first_validation(pruner: str, composed: Compose, tmp_path: Path) -> None:
    """A third goes on from it, not the ninth that would pass two rungs at once; of three rungs in all."""
    shape = (*SMALL, "train.steps=18", "train.eval_every=2", "train.log_every=2")
    first = run.prepare(composed(*shape))
    assert validations(first) == (2 * 20 * 20, 18 * 20 * 20)
    bases = {"": (first.config | {"out": str(tmp_path)}, LR)}
    described = search(composed, tmp_path, pruner=pruner, n_trials=24, bases=bases, tokens=validations(first))
    trials = work(described).trials
    passed = [sum(key.startswith("completed_rung") for key in trial.system_attrs) for trial in trials]
    reports = [len(trial.intermediate_values) for trial in trials]
    assert max(passed) <= 3
    if pruner == "asha":
        assert all(rungs == {1: 1, 3: 2, 9: 3}[told] for rungs, told in zip(passed, reports, strict=True))
        assert 24 / 6 <= sum(told > 1 for told in reports) <= 24 / 2
    else:
        assert {1, 9} < set(reports)  # brackets begin at 1, 3 and 9 validations


def test_a_diverged_trial_has_the_worst_value(composed: Compose, tmp_path: Path) -> None:
    wild = {"optimizer.lr": {"name": "FloatDistribution", "attributes": {"low": 1e30, "high": 1e31}}}
    config = composed(*SHORT, "optimizer=sgd", "cell=rnn", "cell.nonlinearity=relu", "train.clip=null")
    study = work(search(composed, tmp_path, bases={"": (config, wild)}, n_trials=1))
    assert study.trials[0].value == float("inf")


@pytest.mark.parametrize(
    ("typed", "read", "maximised"),
    [
        ("val/loss", "val/loss", False),
        ("val/accuracy", "val/accuracy", True),
        ("-val/accuracy", "val/accuracy", True),
        ("test/accuracy", "test/accuracy", True),
        ("parameters", "parameters", False),
    ],
)
def test_the_tasks_declaration_says_which_way(typed: str, read: str, maximised: bool, composed: Compose) -> None:
    assert objective(typed, run.prepare(composed(*SMALL))) == Objective(read, maximised)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("-val/loss", "`-val/loss` would maximise `val/loss`, but Parity declares that a lower `loss` is better"),
        ("-parameters", "would maximise `parameters`"),
        ("val/auc", 'Parity does not declare which way `auc` is better; add `Metric\\("auc"'),
        ("val/lure", "`lure` is a reference value of Parity"),
        ("val/bleu", "no run has `val/bleu`; there are val/loss"),
    ],
)
def test_a_metric_without_that_direction_is_refused(
    typed: str, said: str, composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Parity, "derive", lambda _, means: means | {"auc": 0.5, "lure": 1.0})
    monkeypatch.setattr(Parity, "metrics", (Metric("lure", "", None),))
    with pytest.raises(ConfigError, match=said):
        objective(typed, run.prepare(composed(*SMALL)))


def test_a_metric_that_no_run_has() -> None:
    record = RunRecord("r", "complete", {}, {"step": 1, "val/loss": 2.0}, 10, 1.5, 1, {}, {})
    assert Objective("val/loss").of([record]) == 2.0
    assert Objective("seconds").of([record]) == 1.5
    with pytest.raises(ConfigError, match=r"no run has `val/bleu`; there are val/loss, parameters, seconds"):
        Objective("val/bleu").of([record])


@pytest.mark.parametrize("metric", ["parameters", "seconds", "test/accuracy"])
@pytest.mark.parametrize("pruner", ["median", "asha", "hyperband"])
def test_an_objective_that_is_known_at_the_end_refuses_a_pruner(metric: str, pruner: str, composed: Compose) -> None:
    first = run.prepare(composed(*SMALL))
    with pytest.raises(ConfigError, match=f"hydra.sweeper.pruner: .*`{metric}` is known only at the end"):
        objectives(Sweep(name="s", metrics=[metric], pruner=pruner), [first])  # type: ignore[arg-type]
    assert objectives(Sweep(name="s", metrics=[metric]), [first])


@pytest.mark.parametrize("sampler", ["tpe", "nsgaii"])
def test_lists_are_values_of_a_search(
    sampler: str, composed: Compose, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """They come back from the journal as they were; Optuna itself gets texts, of which it has nothing to say."""
    lengths = {"task.test_lengths": {"name": "CategoricalDistribution", "attributes": {"choices": [[8], [8, 16]]}}}
    bases = {"": (composed(*SHORT), lengths)}
    study = work(search(composed, tmp_path, sampler=sampler, n_trials=3, bases=bases))
    described = search(composed, tmp_path, sampler=sampler, n_trials=3, bases=bases)
    assert described.name == study.study_name
    for trial in described.open().trials:
        (planned,) = described.planned(trial)
        assert planned.config["task"]["test_lengths"] in ([8], [8, 16])
        assert f"task.test_lengths={planned.config['task']['test_lengths']}" in planned.overrides
        assert (tmp_path / planned.id / "record.json").exists()
    assert not [warning for warning in recwarn if "Choices" in str(warning.message)]


@pytest.mark.slow
def test_no_warning_of_optuna_reaches_the_screen_and_lines_have_the_metrics_own_sign(tmp_path: Path) -> None:
    space = ("task.test_lengths=[8],[8,16]", "optimizer.lr=tag(log, interval(1e-4,1e-1))", "cell=rnn,gru")
    how = [f"hydra.sweeper.{text}" for text in ("n_trials=12", "pruner=hyperband", "metrics=[val/accuracy]")]
    how += ["train.warmup=0"]
    for sampler in ("nsgaii", "qmc"):
        command = [sys.executable, "-m", "rnnsweep", "-m", *SHORT, *space, *how, f"hydra.sweeper.search={sampler}"]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        assert re.search(r"^12/12 trials .* best val/accuracy 0\.\d{2,5}$", result.stdout, re.MULTILINE)


def test_the_name_of_a_search_is_what_it_was(composed: Compose, tmp_path: Path) -> None:
    """So that journals from before are found again."""
    described = search(composed, tmp_path / "s", metrics=("-val/accuracy",), bases={"": ({"seed": 0}, LR)})
    assert described.name == "s-e63bfc26"


COMMAND = (
    *("-m", *SMALL, "train.steps=300", "train.eval_every=50", "train.checkpoint_seconds=.05", "cell=rnn,gru"),
    *("optimizer.lr=tag(log, interval(1e-3,1e-1))", "hydra.sweeper.search=tpe", "hydra.sweeper.n_trials=6"),
)


@pytest.mark.slow
def test_a_killed_search_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "rnnsweep", *COMMAND]
    for runs in (1, 3):
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while len(list(tmp_path.glob("multirun/default/*/metrics.jsonl"))) < runs:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    time.sleep(1)
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "6/6 trials  6 complete" in result.stdout
    assert len(list(tmp_path.glob("multirun/default/*/record.json"))) == 6
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert "6/6 trials  6 complete" in again.stdout
    status = [sys.executable, "-m", "rnnsweep.status", "multirun/default"]
    told = subprocess.run(status, cwd=tmp_path, capture_output=True, text=True)
    assert "6/6 trials" in told.stdout, told.stderr


def test_a_space_that_lives_with_the_cell(tmp_path: Path) -> None:
    (tmp_path / "conf" / "cell").mkdir(parents=True)
    settings = (CONF / "cell" / "gru.yaml").read_text()
    space = "_search_: {hidden_size: 'int(interval(2,6))', recurrent_init: 'orthogonal,uniform'}\n"
    (tmp_path / "conf" / "cell" / "mine.yaml").write_text(settings + space)
    command = ["-m", "rnnsweep", "--config-dir", "conf", *COMMAND[:-3], "cell=mine", *COMMAND[-2:]]
    quick = [override for override in command if not override.startswith(("cell.hidden", "train.steps"))]
    result = subprocess.run(
        [sys.executable, *quick, "train.steps=10", "cell.num_layers=1"], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    configs = [json.loads(path.read_text())["cell"] for path in tmp_path.glob("multirun/default/*/config.json")]
    assert len({(config["hidden_size"], config["recurrent_init"]) for config in configs}) > 2
    assert all(2 <= config["hidden_size"] <= 6 for config in configs)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("hydra.sweeper.search=tpee",), "expected 'tpe', 'random'"),
        (("hydra.sweeper.search=tpe",), "there is nothing to search over"),
        (("hydra.sweeper.search=tpe", "optimizer.lr=1,2", "hydra.sweeper.n_trials=0"), "expected at least 1, got 0"),
        (("hydra.sweeper.search=tpe", "optimizer.lr=1,2", "hydra.sweeper.metrics=[val/bleu]"), "no run has `val/bleu`"),
        (("hydra.sweeper.search=tpe", "optimizer.lr=1,2", "hydra.sweeper.skip='seed>1'"), "belongs to a grid"),
        (("hydra.sweeper.search=tpe", "optimizer.lr=1,2", "hydra.sweeper.seeds=[0,1,0]"), "names a seed twice"),
        (("hydra.sweeper.search=tpe", "optimizer.lr=1,2", "seed=1,1"), "`seed=1,1`: names a seed twice"),
        (("hydra.sweeper.search=tpe", "optimizer.lr=1,2", "seed=true,false"), "expected integers, got True"),
        (("hydra.sweeper.search=tpe", "optimizer.lrr=1,2"), "AdamW has no parameter `lrr`. Did you mean `lr`?"),
    ],
)
def test_a_bad_search_is_refused(arguments: tuple[str, ...], said: str, refused: Told) -> None:
    assert said in refused("-m", *SMALL, *arguments)


@pytest.mark.parametrize(("seeds", "told"), [("3", True), ("[3]", False), ("0", False), ('"range(3)"', False)])
def test_a_seed_that_may_be_a_count_is_told(
    seeds: str, told: bool, prepared: Prepared, capsys: pytest.CaptureFixture[str]
) -> None:
    TOLD.clear()
    prepared("-m", *SMALL, "hydra.sweeper.search=tpe", "optimizer.lr=1e-3,1e-2", f"hydra.sweeper.seeds={seeds}")
    said = "hydra.sweeper.seeds=3 is the seed 3; 3 seeds are `seed=range(3)`"
    assert (said in capsys.readouterr().err) == told


def test_a_trial_has_its_values_as_they_are_typed(composed: Compose, tmp_path: Path) -> None:
    described = search(composed, tmp_path)
    choices = {"train.clip": CategoricalDistribution([None, 1.0]), "cell.bias": CategoricalDistribution([True, False])}
    params = {"train.clip": None, "cell.bias": True}
    described.open().add_trial(optuna.trial.create_trial(values=[1.0], params=params, distributions=choices))
    assert "  train.clip=null cell.bias=true" in Trials(described).closing_table().splitlines()


def test_a_trial_that_diverged_is_not_the_best(composed: Compose, tmp_path: Path) -> None:
    """It has the fewest parameters, and so is on the front of loss and parameters."""
    described = search(composed, tmp_path, metrics=("val/loss", "parameters"))
    study = described.open()
    for loss, size in ((math.inf, 10.0), (1.0, 20.0), (2.0, 30.0)):
        study.add_trial(optuna.trial.create_trial(values=[loss, size], params={}, distributions={}))
    said = Trials(described).closing_table()
    assert "trial 1: val/loss 1  parameters 20" in said
    assert "trial 0" not in said


def test_a_storage_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    arguments = ["hydra.sweeper.search=tpe", "optimizer.lr=1,2", "hydra.sweeper.storage=sqlite:////no/x.db"]
    command = [sys.executable, "-m", "rnnsweep", "-m", *SMALL, *arguments]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 2
    assert "cannot open" in result.stderr
    assert not list(tmp_path.iterdir())
