"""The package is imported with its shape annotations checked by beartype; tests compose configs as the CLI does."""

import os
import sys

# The processes that tests start would each compile the package anew, where the environment asks for no .pyc files.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

from beartype import BeartypeConf, beartype  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float, as for a type checker
install_import_hook("rnnsweep", "conftest.checked")

import collections  # noqa: E402
import copy  # noqa: E402
import functools  # noqa: E402
import re  # noqa: E402
import resource  # noqa: E402
import signal  # noqa: E402
from collections.abc import Callable, Iterator, Sequence  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402
import torch  # noqa: E402
from hydra import compose, initialize_config_dir  # noqa: E402
from hydra.core.override_parser.overrides_parser import OverridesParser  # noqa: E402
from omegaconf import DictConfig, OmegaConf  # noqa: E402
from omegaconf.errors import OmegaConfBaseException  # noqa: E402

from rnnsweep.errors import TOLD  # noqa: E402

ROOT = Path(__file__).parent.parent
CONF = ROOT / "conf"
DATA = ROOT.parent / "shared" / "data"

SMALL = ("cell.hidden_size=12", "task.embedding_size=8", "train.log_every=5", "train.eval_every=10", "train.threads=1")
PARITY = (*SMALL, "task=parity", "task.examples=160", "task.held_out=40", "train.batch_size=16", "train.steps=30")
TIMES = {"tokens_per_second", "seconds_per_epoch"}
"""What of a row differs from run to run."""

# A shell starts what runs in the background with SIGINT ignored, nohup with SIGHUP ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

Compose = Callable[..., dict[str, Any]]
Prepared = Callable[..., list[Any]]
Told = Callable[..., str]


def choices(group: str) -> list[str]:
    """The names in a config group."""
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


def cells(*, everyday: int | None = None) -> list[Any]:
    """The cells; those that build upon another cell's YAML, as ablations do, are for the slow pass.

    With `everyday` so are all but the first few, by their names, of the cells that share their settings.
    """
    params, kin = [], collections.Counter[str]()
    for name in sorted(choices("cell"), key=lambda name: (len(name), name)):
        content = OmegaConf.load(CONF / "cell" / f"{name}.yaml")
        family = str(content.get("defaults", [""])[0])
        kin[family] += 1
        slow = "_target_" not in content or (everyday is not None and kin[family] > everyday)
        params.append(pytest.param(name, marks=[pytest.mark.slow] if slow else []))
    return params


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A kernel of its own is compiled for each cell, which takes seconds, as gradcheck does: most is for the slow pass.

    What brings its processes is `alone`.
    """
    quick = {param.values[0] for param in cells(everyday=3) if not param.marks}
    for item in items:
        values = item.callspec.params if isinstance(item, pytest.Function) and "callspec" in vars(item) else {}
        takes_long = values.get("how") == "fused" or item.name.startswith(LONG)
        cell = values.get("cell", values.get("name"))
        if takes_long and item.path.name in ("test_cells.py", "test_xlstm.py") and cell not in quick:
            item.add_marker(pytest.mark.slow)
        if item.path.name in ALONE:
            item.add_marker(pytest.mark.alone)


LONG = ("test_gradients", "test_a_stack_equals", "test_the_executions_agree")
ALONE = [f"test_{name}.py" for name in ("clusters", "kills", "launchers", "sweep", "search", "cli", "new", "bench")]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _nothing_told() -> None:
    """What a process says once, it may say once in each test."""
    TOLD.clear()


@pytest.fixture
def figures_not_drawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report's figures are made, but not drawn into files, which takes four fifths of a report's time.

    A test that looks at a file of a figure has the mark `drawn`.
    """
    if request.node.get_closest_marker("drawn"):
        return
    from rnnsweep.report import rendering, write

    def sketched(picture: rendering.Picture, folder: Path) -> rendering.RenderedFigure:
        folder.mkdir(parents=True, exist_ok=True)
        write.csv(picture.data, folder / f"{picture.name}.csv")
        for kind in ("svg", "pdf", "png"):
            (folder / f"{picture.name}.{kind}").write_text("not drawn")
        return rendering.RenderedFigure(picture.name, picture.title, picture.caption, "<svg></svg>")

    monkeypatch.setattr(rendering, "render", sketched)


@contextmanager
def largest(size: int) -> Iterator[None]:
    """Inside, no file can grow beyond so many bytes, as on a full disk: what `ulimit -f` does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    sys.dont_write_bytecode = True  # Python would keep a .pyc file that is cut short, and fail at the next import
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.dont_write_bytecode = False


@functools.cache
def _composed(groups: tuple[str, ...]) -> DictConfig:
    with initialize_config_dir(str(CONF)):
        return compose("config", list(groups), return_hydra_config=True)


PLAIN = re.compile(rf"(?!(?:{'|'.join(file.name for file in CONF.iterdir() if file.is_dir())})=)[a-z_]+(\.[a-z_]+)*=")
"""An override that sets a value. All others, such as a choice of a group, are left to Hydra."""


@pytest.fixture(scope="session")
def composed() -> Compose:
    """From overrides to the resolved config of a run. Hydra composes once for each choice of groups: it takes 70 ms."""
    parser = OverridesParser.create()

    def resolved(*overrides: str) -> dict[str, Any]:
        config = copy.deepcopy(_composed(tuple(text for text in overrides if not PLAIN.match(text))))
        try:
            for override in parser.parse_overrides([text for text in overrides if PLAIN.match(text)]):
                OmegaConf.update(config, override.key_or_group, override.value())
        except OmegaConfBaseException:
            config = _composed(overrides)  # Hydra's own words for what is wrong
        groups = {name: choice for name, choice in config.hydra.runtime.choices.items() if "/" not in name}
        plain: dict[str, Any] = OmegaConf.to_container(config, resolve=False)  # type: ignore[assignment]
        plain.pop("hydra")
        return plain | {"choices": groups}

    return resolved


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small text file: sentences of a tiny grammar, so that there is something to learn."""
    import random

    chosen = random.Random(0)
    subjects, verbs, objects = ("The cat", "A dog", "My aunt"), ("sees", "hears", "likes"), ("milk", "the sea", "rain")
    lines = [f"{chosen.choice(subjects)} {chosen.choice(verbs)} {chosen.choice(objects)}." for _ in range(600)]
    path = tmp_path_factory.mktemp("text") / "grammar.txt"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """From the words of a command to the plans and searches that it would work on; nothing of a sweep is trained."""
    from rnnsweep import cli
    from rnnsweep.sweep.executor import Executor

    works: list[Any] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Executor, "_work", lambda _, plan: works.append(plan) or True)
    monkeypatch.setattr(Executor, "_search", lambda _, search: works.append(search) or True)
    monkeypatch.setattr(Executor, "_tune", lambda _, tuned: works.append(tuned) or True)

    def command(*words: str) -> list[Any]:
        monkeypatch.setattr(sys, "argv", ["rnnsweep", *words])
        works.clear()
        cli.main()
        return list(works)

    return command


def once(words: Sequence[str]) -> list[str]:
    """The words of a command, with one for each key: the last. Tests add words to those of a common list."""
    from rnnsweep.command_words import key_of

    return list({key_of(word): word for word in words}.values())


@pytest.fixture
def refused(prepared: Prepared, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Told:
    """From the words of a command to the one line with which it is refused; it leaves nothing behind."""

    def command(*words: str) -> str:
        before = set(tmp_path.rglob("*"))
        capsys.readouterr()  # what commands before it said
        with pytest.raises(SystemExit) as end:
            prepared(*once(words))
        assert end.value.code == 2
        assert set(tmp_path.rglob("*")) == before
        (line,) = capsys.readouterr().err.splitlines()
        return line.removeprefix("rnnsweep: ")

    return command


def study(folder: Path, name: str, content: str) -> None:
    """Writes conf/study/NAME.yaml."""
    (folder / "conf" / "study").mkdir(parents=True, exist_ok=True)
    (folder / "conf" / "study" / f"{name}.yaml").write_text(content)
