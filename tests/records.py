"""Runs that were never trained: directories with records, for tests of what reads them."""

import json
from pathlib import Path
from typing import Any

from rnnsweep.record import Declaration, RunRecord, RunStore

DECLARED = {"loss": Declaration("nats", "min"), "ppl": Declaration("", "min")}
EXECUTION = ["task.text", "train.threads"]


def config(cell: str = "gru", task: str = "charlm", seed: int = 0, **settings: Any) -> dict[str, Any]:
    """A resolved config; settings by dotted keys with `__` for the dot."""
    made: dict[str, Any] = {
        "seed": seed,
        "out": "outputs",
        "task": {"_target_": "x", "seq_len": 64, "text": None},
        "cell": {"_target_": "x", "hidden_size": 32, "num_layers": 1},
        "pooling": {"_target_": "x"},
        "optimizer": {"_target_": "x", "lr": 1e-3},
        "train": {"clip": None, "steps": 100, "threads": 0},
        "choices": {"task": task, "cell": cell, "pooling": "last", "optimizer": "adamw"},
    }
    for key, value in settings.items():
        group, _, name = key.partition("__")
        if name:
            made[group][name] = value
        else:
            made["choices"][group] = value
    return made


def name(made: dict[str, Any]) -> str:
    import hashlib

    digest = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:8]
    return f"{made['choices']['task']}-{made['choices']['cell']}-s{made['seed']}-{digest}".replace("/", "_")


def run(
    study: Path,
    loss: float,
    status: str = "complete",
    summary: dict[str, Any] | None = None,
    rows: int = 0,
    **settings: Any,
) -> Path:
    """Writes one run that is over; returns its directory."""
    made = config(**settings)
    store = RunStore(study / name(made))
    store.path.mkdir(parents=True)
    store.write("config.json", json.dumps(made))
    done = status == "complete"
    for step in range(1, rows + 1):
        store.log(step, "val", {"loss": loss + 1 / step})
        store.log(step, "train", {"loss": loss + 1 / step, "grad_norm": 0.5})
    store.release()
    store.finish(
        RunRecord(
            run=store.path.name,
            status=status,  # type: ignore[arg-type]
            metrics={
                "train/loss": loss - 0.1,
                "val/loss": loss + 0.05,
                "train/tokens_per_second": 1e4,
                "train/seconds_per_epoch": 2.0,
            },
            best={"step": 90, "val/loss": loss, "val/ppl": 2.718281828**loss, "test/loss": loss + 0.01} if done else {},
            parameters=int(made["cell"]["hidden_size"]) ** 2
            * {"rnn": 1, "gru": 3, "lstm": 4}.get(settings.get("cell", "gru"), 2),
            seconds=10.0,
            steps=100,
            config=made,
            environment={
                "versions": {"python": "3.11", "torch": "2.13"},
                "git_commit": "abc",
                "git_dirty": False,
                "device": "cpu",
                "platform": "Linux",
                "threads": 1,
                "data_hash": "d",
                "peak_memory_bytes": 10**8,
                "execution": EXECUTION,
                "command": ["python", "/x/rnnsweep/__main__.py", "-m", "seed=0"],
            },
            summary=summary or {},
            error="Traceback\nValueError: broken"
            if status == "failed"
            else "diverged by step 5"
            if status == "diverged"
            else None,
            metric={"name": "loss", "unit": "nats", "direction": "min"} if status != "failed" else {},
            declared=DECLARED if status != "failed" else {},
        )
    )
    return store.path


def plan(study: Path, *configs: dict[str, Any]) -> None:
    """Writes the plan of a study."""
    folder = study / ".study"
    folder.mkdir(parents=True, exist_ok=True)
    runs = [
        {"id": name(made), "signature": "s", "config": made, "overrides": [f"seed={made['seed']}"]} for made in configs
    ]
    (folder / "plan-0.json").write_text(json.dumps(runs))
