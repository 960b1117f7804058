"""The recorded training step: what goes through its fixed inputs and outputs, and when it is not used.

A recording is a GPU's. Without one it is played by calling the function again on the recording's own inputs, into its
own outputs: so all is checked but what CUDA does. Where there is a GPU the last tests record.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import PARITY, SMALL, TIMES, Compose
from torch.utils import _pytree as pytree

from rnnsweep import run
from rnnsweep.interrupt import StopRequest
from rnnsweep.kernels import graph
from rnnsweep.record import RunStore
from rnnsweep.train import Observer

SHAPES = {
    "dropout": (*PARITY, "cell=gru", "cell.num_layers=2", "cell.dropout=.3", "cell.zoneout=.1"),
    "curriculum": (*PARITY, "cell=lstm", "task.curriculum=25", "task.seq_len=14"),
    "carried": (*SMALL, "task=charlm", "task.sample_length=0", "task.seq_len=16", "cell=mingru", "train.steps=23"),
}


def played(function: Callable[..., Any], *arguments: Any) -> graph.Recorded:
    outputs = function(*arguments)

    def replay() -> None:
        for place, leaf in zip(pytree.tree_leaves(outputs), pytree.tree_leaves(function(*arguments)), strict=True):
            if 0 not in place.stride():  # a number that all members share
                place.copy_(leaf)

    return replay, outputs


def trained(composed: Compose, folder: Path, *overrides: str, device: str = "cpu") -> list[list[dict[str, Any]]]:
    """The rows of a stack of three, without the times."""
    config = [composed(*overrides, "train.kernel=scan", f"train.device={device}", f"seed={seed}") for seed in range(3)]
    runs = [run.prepare(each) for each in config]
    stores = [RunStore(folder / each.id) for each in runs]
    assert all(store.claim() for store in stores)
    records = run.execute(list(zip(runs, stores, strict=True)), Observer(), StopRequest())
    assert [record.status for record in records] == ["complete"] * 3
    return [[{key: row[key] for key in row.keys() - TIMES} for row in store.rows()] for store in stores]


@pytest.mark.filterwarnings("error:the training step runs without a CUDA graph")
@pytest.mark.parametrize("name", SHAPES)
def test_a_played_recording_changes_nothing(
    name: str, composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained(composed, tmp_path / "unrecorded", *SHAPES[name])
    replays: list[int] = []
    monkeypatch.setattr(graph, "serves", lambda device: True)
    monkeypatch.setattr(graph, "record", lambda *how: (replays.append(1), played(*how))[1])
    assert trained(composed, tmp_path / "recorded", *SHAPES[name]) == expected
    # a stream's first step comes without a state, the others with one
    assert len(replays) == {"dropout": 1, "carried": 2, "curriculum": 13}[name]


def test_its_inputs_are_its_own_and_its_results_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "record", played)
    slopes = torch.zeros(2)

    def double(x: dict[str, torch.Tensor], state: tuple[torch.Tensor, ...]) -> Any:
        slopes.copy_(x["a"])
        return {"y": 2 * x["a"]}, tuple(leaf + 1 for leaf in state)

    step, state = graph.Graphed(double, slopes), (torch.zeros(()),)
    for number in range(1, 5):
        a = torch.full((2,), float(number))
        result, state = step({"a": a}, state)
        torch.testing.assert_close(result["y"], 2 * a)
        torch.testing.assert_close(slopes, a)
        assert state[0].item() == number


def test_recordings_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(graph, "record", lambda *how: (made.append(1), played(*how))[1])
    slopes = torch.zeros(())
    step = graph.Graphed(lambda x: slopes.copy_(x.sum()).clone(), slopes)
    for length in [*range(1, graph.MOST + 9), 1]:
        assert step(torch.ones(length)) == length
        assert len(step.recordings) == min(length, graph.KEPT) or length == 1
    assert len(made) == graph.MOST


def failing(error: Exception) -> Callable[..., graph.Recorded]:
    def record(*_: Any) -> graph.Recorded:
        raise error

    return record


def forgetful(function: Callable[..., Any], *arguments: Any) -> graph.Recorded:
    return lambda: function(*(2 * leaf for leaf in arguments)), function(*arguments)


CAPTURING = failing(RuntimeError("operation not permitted when stream is capturing"))


@pytest.mark.parametrize(("record", "why"), [(CAPTURING, "not permitted"), (forgetful, "other gradients")])
def test_what_cannot_be_recorded_runs_as_it_is_and_says_so(
    record: Callable[..., graph.Recorded], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "record", record)
    slopes = torch.zeros(3)
    step = graph.Graphed(lambda x: slopes.copy_(x).sum(), slopes)
    with pytest.warns(UserWarning, match=why):
        assert step(torch.ones(3)) == 3
    assert step(torch.full((3,), 2.0)) == 6  # and is not tried again


def test_a_stack_that_does_not_fit_is_the_workers_to_halve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "record", failing(torch.OutOfMemoryError("CUDA out of memory")))
    slopes = torch.zeros(3)
    with pytest.raises(torch.OutOfMemoryError):
        graph.Graphed(lambda x: slopes.copy_(x).sum(), slopes)(torch.ones(3))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.filterwarnings("error:the training step runs without a CUDA graph")
@pytest.mark.parametrize("name", SHAPES)
def test_a_recording_computes_what_the_step_does(
    name: str, composed: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = trained(composed, tmp_path / "recorded", *SHAPES[name], device="cuda")
    monkeypatch.setattr(graph, "serves", lambda device: False)
    for rows, others in zip(recorded, trained(composed, tmp_path / "not", *SHAPES[name], device="cuda"), strict=True):
        for row, other in zip(rows, others, strict=True):
            assert row.pop("split") == other.pop("split")
            assert row == pytest.approx(other, rel=1e-3, abs=1e-5)
