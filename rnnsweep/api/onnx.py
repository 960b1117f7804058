"""A trained model as an ONNX file."""

import importlib.util
import json
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rnnsweep.errors import ConfigError, tell_once
from rnnsweep.tasks.base import AbstractTask

NEEDED = ("onnx", "onnxscript")


def write(task: AbstractTask, model: nn.Module, path: Path) -> Path:
    """Writes the model. Its inputs have the shapes of a training batch, and are what the model reads.

    What is needed to make them of a person's data, such as the scale, the vocabulary and the names of the classes, is
    in the file's metadata `rnnsweep`, as JSON; a message says so.

    Raises:
        ConfigError: a package is missing, or torch cannot export this model.
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        problem = f"an ONNX file needs {' and '.join(missing)}: pip install {' '.join(missing)}"
        raise ConfigError(str(path), problem)
    program = exported(task, model)
    path.parent.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger("torch.onnx")  # else it warns that torchvision, which no model here needs, is missing
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        torch.onnx.export(program, (), str(path), dynamo=True, verbose=False)
    finally:
        logger.setLevel(level)
    if assets := task.assets():
        _describe(path, assets)
    if "scale" in assets:
        told = "expects scaled numbers, (number - mean) / deviation"
        tell_once(f"{path} {told}; both are `scale` in its metadata `rnnsweep`")
    return path


def _describe(path: Path, assets: dict[str, Any]) -> None:
    import onnx

    model = onnx.load(path, load_external_data=False)
    onnx.helper.set_model_props(model, {"rnnsweep": json.dumps(assets)})
    onnx.save(model, path)


def exported(task: AbstractTask, model: nn.Module) -> torch.export.ExportedProgram:
    """The model as a program of torch, with the shapes of the task's first training batch.

    Raises:
        ConfigError: torch cannot export this model.
    """
    try:
        return torch.export.export(model, inputs(task, model))
    except Exception as error:  # torch.export raises whatever the model leads it to
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError("cell", f"torch cannot export this model: {said}") from error


@torch.no_grad()
def inputs(task: AbstractTask, model: nn.Module) -> tuple[Tensor, ...]:
    """The arguments of the model's call in the first training step."""
    seen: list[tuple[Any, ...]] = []
    hook = model.register_forward_pre_hook(lambda _, given: seen.append(given))
    try:
        task.loss(model, task.batch(0), ())
    finally:
        hook.remove()
    return tuple(given for given in seen[0] if isinstance(given, Tensor))
