"""The model of a run's directory."""

from pathlib import Path

from torch import nn

from rnnsweep import checkpoint, interpolation
from rnnsweep.errors import ConfigError
from rnnsweep.layout import buffers, kept
from rnnsweep.record import RunStore
from rnnsweep.run.identity import PreparedRun
from rnnsweep.run.objects import make_model, make_task
from rnnsweep.run.validate import validated
from rnnsweep.train import TrainConfig


def saved(path: Path) -> tuple[PreparedRun, nn.Module]:
    """The model of a run's directory with its best weights, without its data.

    Raises:
        ConfigError: the directory holds no run, or no checkpoint of it.
    """
    store = RunStore(path)
    config = store.config()
    if config is None:
        raise ConfigError(str(path), "not the directory of a run: it has no config.json that can be read")
    config, classes = validated(interpolation.resolved(config, unset="keep")[0])
    best = checkpoint.best(store)
    task = make_task(config, classes)
    try:
        task.adopt(best["assets"])
        model = make_model(config, classes, task)
        whole = buffers(model) | best["weights"]  # earlier versions kept no buffers
        shapes = {name: weight.shape for name, weight in whole.items()}
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError):
        raise ConfigError(str(path), f"best.pt holds what this version cannot use; {checkpoint.REMEDY}") from None
    if {name: weight.shape for name, weight in kept(model).items()} != shapes:
        problem = "the weights in best.pt do not fit the model in config.json or the vocabulary in best.pt"
        raise ConfigError(str(path), f"{problem}; {checkpoint.REMEDY}")
    model.load_state_dict(whole, strict=False)  # a weight that two modules share has one name here
    return PreparedRun(best["run"], "", "", config, classes, task, TrainConfig(**config["train"])), model.eval()
