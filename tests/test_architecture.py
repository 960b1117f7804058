"""Who may import whom: each module only from what stands before it."""

import ast
from pathlib import Path

import pytest
from conftest import ROOT

ORDER = [
    {"system"},
    {"errors"},
    {"types"},
    {"rng", "schedules", "vocab", "interrupt", "layout"},
    {"dropout", "data", "kernels", "numpy_lstm"},
    {"cells"},
    {"pooling", "attention"},
    {"models"},
    {"tasks"},
    {"stack", "optim", "diagnostics", "checkpoint"},
    {"rehearsal"},
    {"train"},
    {"observers"},
    {"config", "progress", "trackers"},
    {"fingerprint", "interpolation", "provenance"},
    {"run"},
    {"naming"},
    {"lengths"},
    {"sweep"},
    {"web"},
    {"single"},
    {"command_words"},
    {"hydra_mistakes"},
    {"mistakes", "plugins"},
    {"cli", "status"},
    {"api"},
    {"sample", "best", "study", "templates"},
]
LEAVES = {
    "cores": set(),
    "files": {"errors", "system"},
    "locks": {"errors", "system"},
    "shapes": set(),
    "rows": {"errors", "files", "system"},
    "record": {"errors", "files", "locks", "rows", "shapes"},
    "ranking": {"record"},
    "lettering": set(),
    "places": {"errors"},
    "hidden": {"errors", "files"},
    "override_text": set(),
    "secrets": set(),
    "curves": {"record", "lettering"},
    "figures": {"record", "lettering"},
    "help": {"config", "own"},
    "study_folder": set(),
    "tuned_plan": set(),
    "planned": {"files", "shapes", "system", "study_folder", "tuned_plan"},
    "retired": {"errors", "files", "study_folder"},
    "merging": {"errors", "files", "planned", "record", "retired", "study_folder"},
    "looks": set(),
    "matching": set(),
    "extensions": {"errors"},
    "own": {"errors"},
    "commits": set(),
    "terminal": {"errors", "interrupt"},
    "new": {"errors", "terminal"},
    "report": {
        "cores",
        "errors",
        "files",
        "record",
        "planned",
        "retired",
        "looks",
        "terminal",
        "lettering",
        "override_text",
    }
    | {"own", "secrets", "study_folder", "system", "tuned_plan"},
}  # what they may import
HYDRA = {"api", "cli", "hydra_mistakes", "interpolation", "mistakes", "plugins", "sweep"}
FILES = sorted((ROOT / "rnnsweep").rglob("*.py"))


def part(path: Path) -> str:
    """The first name below the package: a module or a folder."""
    return path.relative_to(ROOT / "rnnsweep").with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    """Dotted names of the modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_backwards(path: Path) -> None:
    name = part(path)
    if name in ("__init__", "__main__"):
        return
    ours = {dotted.split(".")[1] for dotted in imported(path) if dotted.startswith("rnnsweep.")} - {name}
    if name in LEAVES:
        assert ours <= LEAVES[name]
        return
    rank = next(index for index, names in enumerate(ORDER) if name in names)
    leaves = set(LEAVES) if name in ("api", "best", "study", "templates") else set(LEAVES) - {"report"}
    assert ours <= set().union(*ORDER[:rank]) | leaves, (
        "nothing imports the report, but what a user gets in Python, and the templates"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_hydra_stays_at_the_edge(path: Path) -> None:
    if part(path) not in HYDRA:
        assert not any(dotted.split(".")[0] in ("hydra", "omegaconf") for dotted in imported(path))


def test_tasks_know_no_cell_and_cells_no_task() -> None:
    for path in FILES:
        if part(path) == "tasks":
            assert not any(d.startswith("rnnsweep.cells") and ".base." not in d for d in imported(path)), path
        if part(path) == "cells":
            assert not any(d.startswith("rnnsweep.tasks") for d in imported(path)), path


def test_only_the_execution_layer_knows_of_batching() -> None:
    """torch.vmap appears in the stack alone, and what reaches below it in `kernels`."""
    for path in FILES:
        if part(path) not in ("stack", "kernels"):
            assert not any("vmap" in dotted or "functional_call" in dotted for dotted in imported(path)), path


def test_locks_are_taken_in_one_place() -> None:
    """A file system without locks is dealt with there."""
    for path in FILES:
        if part(path) != "locks":
            assert not any(dotted.split(".")[0] in ("fcntl", "filelock") for dotted in imported(path)), path


def test_a_class_name_stands_for_one_thing() -> None:
    """numpy_lstm.py is read by itself, so it may have an Adam of its own."""
    places: dict[str, list[str]] = {}
    for path in FILES:
        if part(path) != "numpy_lstm":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
