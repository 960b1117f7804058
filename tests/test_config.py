"""The constructor is the schema: of every YAML, of errors, and of a run's identity."""

import dataclasses
import re
import sys
import types
from pathlib import Path

import pytest
from conftest import CONF, Compose, choices
from omegaconf import OmegaConf

from rnnsweep import run
from rnnsweep.config import GROUPS, PRIVATE, General, schema
from rnnsweep.errors import ConfigError
from rnnsweep.tasks.parity import Parity
from rnnsweep.train import TrainConfig

MEMBERS = [(group, name) for group in GROUPS for name in choices(group)]


@pytest.mark.parametrize(("group", "name"), MEMBERS)
def test_every_yaml_lists_exactly_its_constructors_settings(group: str, name: str, composed: Compose) -> None:
    config = composed(f"{group}={name}")
    _, classes = run.validated(config)
    assert sorted(set(config[group]) - set(PRIVATE)) == sorted(schema(classes[group]).model_fields)


def test_config_yaml_lists_the_general_and_training_settings() -> None:
    config = OmegaConf.load(CONF / "config.yaml")
    assert sorted(config.train) == sorted(schema(TrainConfig).model_fields)
    general = {key for key in config if key not in ("defaults", "train", "hydra")} | {"choices"}
    assert general == set(schema(General).model_fields)


@pytest.mark.parametrize("path", [path for group in GROUPS for path in (CONF / group).rglob("*.yaml")])
def test_every_setting_in_a_yaml_is_explained(path: Path) -> None:
    lines = path.read_text().splitlines()
    settings = [line for line in lines if re.match(r"\w+: *\S", line) and not line.startswith("_target_")]
    assert all("  # " in line for line in settings)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("+cell.hiden_size=8", "cell.hiden_size: GRU has no parameter `hiden_size`. Did you mean `hidden_size`?"),
        ("cell.hidden_size=0", "cell.hidden_size: expected at least 1, got 0"),
        ("cell.hidden_size=eight", "cell.hidden_size: expected an integer, got 'eight'"),
        ("cell.hidden_size=8.5", "cell.hidden_size: expected an integer, got 8.5"),
        ("cell.hidden_size=true", "cell.hidden_size: expected an integer, got True"),
        ("cell.dropout=1.0", "cell.dropout: expected below 1, got 1.0"),
        ("train.clip=-1", "train.clip: expected above 0 or null, got -1"),
        ("train.clip=inf", "train.clip: expected a finite number or null, got inf"),
        ("train.schedule=cosin", "expected 'constant', 'cosine', 'linear', 'step' or 'plateau' or the path of a class"),
        ("seed=x", "seed: expected an integer, got 'x'"),
        ("+sede=1", "sede: there is no setting or group `sede`. Did you mean `seed`?"),
        ("cell._target_=os.system", "`os.system` lies outside rnnsweep; list its package: 'packages=[os]'"),
        ("cell._target_=rnnsweep.cells.gru.GRUU", "cannot import"),
        ("cell._target_=rnnsweep.types.State", "is not a class"),
        ("task=reverse task.beam_size=0", "task.beam_size: expected at least 1, got 0"),
        ("task=reverse task.teacher_forcing=1.5", "task.teacher_forcing: expected below or equal to 1, got 1.5"),
        ("task=dates task.sources=[iso,julian]", "'european', 'american' or 'dotted', got 'julian'"),
        ("task.prompts=hello", "task.prompts: expected a list or null, got 'hello'"),
    ],
)
def test_errors_name_the_setting_and_what_was_expected(override: str, said: str, composed: Compose) -> None:
    with pytest.raises(ConfigError) as raised:
        run.validated(composed(*override.split()))
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("showcase", "summary"),
        ("remembers", "takes_snapshot"),
        ("glimpse", "snapshot"),
        ("looking_back", "with_snapshots"),
    ],
)
def test_a_task_whose_method_has_an_earlier_name_is_refused(
    old: str, new: str, composed: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it inherits the method. Nothing would call it."""
    base = type("Base", (Parity,), {old: lambda self, *given: {}})
    mine = types.ModuleType("mine")
    vars(mine)["MyTask"] = type("MyTask", (base,), {})
    monkeypatch.setitem(sys.modules, "mine", mine)
    with pytest.raises(ConfigError) as raised:
        run.validated(composed("task=parity", "task._target_=mine.MyTask", "+packages=[mine]"))
    assert str(raised.value) == f"task._target_: the method `{old}` of MyTask has a new name; rename it to `{new}`"


def test_a_setting_of_a_task_may_have_such_a_name(composed: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = types.ModuleType("mine")
    body = {"glimpse": 4, "__annotations__": {"glimpse": int}}
    vars(mine)["MyTask"] = dataclasses.dataclass(kw_only=True, eq=False)(type("MyTask", (Parity,), body))
    monkeypatch.setitem(sys.modules, "mine", mine)
    config, _ = run.validated(composed("task=parity", "task._target_=mine.MyTask", "+packages=[mine]"))
    assert config["task"]["glimpse"] == 4


def test_the_id_covers_the_result_and_not_the_execution(composed: Compose) -> None:
    small = ("task=parity", "task.examples=40", "task.held_out=10")
    base = run.prepare(composed(*small)).id
    assert base.startswith("parity-gru-s0-")
    for same in (
        "train.threads=1",
        "train.device=cpu",
        "train.progress=false",
        "out=elsewhere",
        "train.clip=1",
        "rerun=true",
    ):
        assert run.prepare(composed(*small, same)).id == base
    others = ("cell.hidden_size=9", "optimizer.lr=1e-5", "train.clip=null", "train.steps=9", "seed=1", "pooling=max")
    assert len({run.prepare(composed(*small, other)).id for other in others} | {base}) == 7


def test_the_id_follows_the_texts_content_and_not_its_path(composed: Compose, tmp_path) -> None:  # type: ignore[no-untyped-def]
    ids = []
    for name, content in (("a", "ab" * 5000), ("b", "ab" * 5000), ("c", "ba" * 5000)):
        (tmp_path / name).write_text(content)
        ids.append(run.prepare(composed(f"task.text={tmp_path / name}")).id)
    assert ids[0] == ids[1] != ids[2]
