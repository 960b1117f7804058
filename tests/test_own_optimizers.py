"""Optimizers of the kind of torch.optim: their own steps for each member, the same alone, stacked and resumed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnnsweep import help as helping
from rnnsweep.cli import CONF
from rnnsweep.config import checked
from rnnsweep.errors import ConfigError
from rnnsweep.layout import Layout
from rnnsweep.optim import AbstractOptimizer, Hyperparameters, dry_run
from rnnsweep.optim.member_by_member import MemberByMember
from rnnsweep.run.validate import validated

KINDS: list[tuple[type[torch.optim.Optimizer], dict[str, Any]]] = [
    (torch.optim.NAdam, {}),
    (torch.optim.Adagrad, {}),
    (torch.optim.Adadelta, {"weight_decay": 0.1}),
    (torch.optim.RAdam, {}),
    (torch.optim.SGD, {"momentum": 0.9}),
]
LRS = (0.1, 0.01, 0.5)
STEPS = 6


@pytest.fixture
def layout() -> Layout:
    return Layout(nn.GRU(3, 4))


def made(kind: type[torch.optim.Optimizer], settings: dict[str, Any], lr: float, layout: Layout) -> MemberByMember:
    return MemberByMember(kind=kind, settings={"lr": lr} | settings, lr=lr).laid_out(layout)


def drawn(layout: Layout, step: int) -> Tensor:
    generator = torch.Generator().manual_seed(step)
    return torch.randn(len(LRS), layout.width, generator=generator)


def trained(
    kind: type[torch.optim.Optimizer], settings: dict[str, Any], layout: Layout, members: list[int], resumed: bool
) -> Tensor:
    """The rows of some members after all steps."""
    rows = drawn(layout, 0)[members]
    optimizers = [made(kind, settings, LRS[member], layout) for member in members]
    hyperparameters, slots = Hyperparameters.of(optimizers, rows.device), optimizers[0].init(rows)
    for step in range(1, STEPS + 1):
        if resumed:  # as from a checkpoint: all that is kept is in the slots
            optimizers = [made(kind, settings, LRS[member], layout) for member in members]
            slots = {name: slot.clone() for name, slot in slots.items()}
        optimizers[0].update(rows, drawn(layout, step)[members], slots, hyperparameters, step)
    return rows


@pytest.mark.parametrize(("kind", "settings"), KINDS)
def test_the_numbers_are_those_of_torch_alone_stacked_and_resumed(
    kind: type[torch.optim.Optimizer], settings: dict[str, Any], layout: Layout
) -> None:
    every = list(range(len(LRS)))
    stacked = trained(kind, settings, layout, every, resumed=True)
    alone = torch.cat([trained(kind, settings, layout, [member], resumed=False) for member in every])
    assert torch.equal(stacked, alone)
    for member, lr in enumerate(LRS):
        start = drawn(layout, 0)[member : member + 1]
        parameters = {name: nn.Parameter(layout.view(start, name)[0].clone()) for name in layout.places}
        optimizer = kind(list(parameters.values()), **settings | {"lr": lr})
        for step in range(1, STEPS + 1):
            for name, parameter in parameters.items():
                parameter.grad = layout.view(drawn(layout, step)[member : member + 1], name)[0].clone()
            optimizer.step()
        for name, parameter in parameters.items():
            assert torch.equal(parameter, layout.view(stacked[member : member + 1], name)[0])


class Stateful(torch.optim.SGD):
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        self.param_groups[0]["count"] = self.param_groups[0].get("count", 0) + 1


class Late(torch.optim.SGD):
    """Keeps an average from the second step on."""

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for parameter in self.param_groups[0]["params"]:
            state = self.state[parameter]
            state["average" if state else "steps"] = torch.zeros(())


class Rateless(torch.optim.Optimizer):
    def __init__(self, params: Any, speed: float = 1.0):
        super().__init__(params, {"speed": speed})


def test_what_cannot_be_kept_is_refused_by_name(layout: Layout) -> None:
    with pytest.raises(ConfigError, match="LBFGS cannot make a step"):
        made(torch.optim.LBFGS, {}, 0.1, layout)
    with pytest.raises(ConfigError, match="Stateful changes its param_groups"):
        made(Stateful, {}, 0.1, layout)
    late = made(Late, {}, 0.1, layout)
    rows = drawn(layout, 0)[:1]
    slots, hyperparameters = late.init(rows), Hyperparameters.of([late], rows.device)
    late.update(rows, rows.clone(), slots, hyperparameters, 1)
    with pytest.raises(ConfigError, match="Late keeps `average` only after some steps"):
        late.update(rows, rows.clone(), slots, hyperparameters, 2)
    with pytest.raises(ConfigError, match="Rateless takes no `lr`"):
        checked(Rateless, {}, "optimizer")


class Apart(torch.optim.Optimizer):
    """Momentum, kept beside the state."""

    def __init__(self, params: Any, lr: float = 0.1):
        super().__init__(params, {"lr": lr})
        self.velocity: dict[Tensor, Tensor] = {}

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for parameter in self.param_groups[0]["params"]:
            last = self.velocity.get(parameter, torch.zeros(()))
            self.velocity[parameter] = 0.9 * last + parameter.grad
            parameter.sub_(0.1 * self.velocity[parameter])


class Counts(torch.optim.Optimizer):
    """Counts its steps in `state`, under no parameter."""

    def __init__(self, params: Any, lr: float = 0.1):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        self.state["steps"] = self.state.get("steps", 0) + 1  # type: ignore[index, operator]
        for parameter in self.param_groups[0]["params"]:
            parameter.sub_(0.1 / self.state["steps"] * parameter.grad)  # type: ignore[index, operator]


@pytest.mark.parametrize("kind", [Apart, Counts])
def test_an_optimizer_that_keeps_numbers_elsewhere_is_refused(
    kind: type[torch.optim.Optimizer], layout: Layout
) -> None:
    """It would be made anew at each step, without them: gradient descent in place of momentum, without a word."""
    with pytest.raises(ConfigError, match=f"{kind.__name__} keeps numbers elsewhere than in self.state"):
        made(kind, {}, 0.1, layout)


class Puts(torch.optim.SGD):
    """Puts another tensor in the place of the old one."""

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for parameter in self.param_groups[0]["params"]:
            assert parameter.grad is not None
            parameter.data = parameter.data - self.param_groups[0]["lr"] * parameter.grad


def test_an_optimizer_that_puts_new_tensors_in_place_of_the_old_trains(layout: Layout) -> None:
    puts, sgd = (trained(kind, {}, layout, [0], resumed=False) for kind in (Puts, torch.optim.SGD))
    assert torch.allclose(puts, sgd)


class Own(AbstractOptimizer):
    def init(self, parameters: Tensor) -> dict[str, Tensor]:
        return {"mean": torch.zeros_like(parameters)}

    def update(self, parameters: Tensor, gradients: Tensor, slots: Any, hyperparameters: Any, step: int) -> None:
        slots["mean"].lerp_(gradients, 0.1)
        parameters.sub_(hyperparameters.lr.to(parameters) * slots["mean"])


class Renames(Own):
    def update(self, parameters: Tensor, gradients: Tensor, slots: Any, hyperparameters: Any, step: int) -> None:
        parameters = parameters - hyperparameters.lr.to(parameters) * gradients


class Keeps(Own):
    def update(self, parameters: Tensor, gradients: Tensor, slots: Any, hyperparameters: Any, step: int) -> None:
        self.mean = 0.9 * getattr(self, "mean", 0) + gradients
        parameters.sub_(hyperparameters.lr.to(parameters) * self.mean)


class Misspelt(Own):
    def update(self, parameters: Tensor, gradients: Tensor, slots: Any, hyperparameters: Any, step: int) -> None:
        parameters.sub_(hyperparameters["rate"].to(parameters) * gradients)


class Slotless(Own):
    def init(self, parameters: Tensor) -> Any:
        return None


class Memberless(Own):
    def init(self, parameters: Tensor) -> dict[str, Tensor]:
        return {"mean": torch.zeros_like(parameters[0])}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Renames, "Renames` moved no weight in 8 steps"),
        (Keeps, "Keeps` keeps numbers in itself"),
        (Misspelt, r"Misspelt` failed: KeyError: 'rate' \(test_own_optimizers.py, line "),
        (Slotless, "Slotless.init` returned no dict of tensors with a row for each member"),
        (Memberless, "Memberless.init` returned no dict"),
    ],
)
def test_a_rule_that_does_not_do_what_it_seems_to_do_is_refused(
    kind: type[AbstractOptimizer], said: str, layout: Layout
) -> None:
    assert dry_run.laid_out(Own(lr=0.1), layout) == Own(lr=0.1)
    with pytest.raises(ConfigError, match=said) as error:
        dry_run.laid_out(kind(lr=0.1), layout)
    assert "\n" not in str(error.value)


def test_settings_have_the_types_of_their_defaults() -> None:
    settings = checked(torch.optim.NAdam, {"lr": 0.1, "betas": [0.5, 0.9]}, "optimizer")
    assert settings["betas"] == [0.5, 0.9]
    assert checked(torch.optim.NAdam, {}, "optimizer")["betas"] == [0.9, 0.999]
    with pytest.raises(ConfigError, match="above 0"):
        checked(torch.optim.NAdam, {"lr": -1.0}, "optimizer")
    with pytest.raises(ConfigError, match="has no parameter `lrr`"):
        checked(torch.optim.NAdam, {"lrr": 1.0}, "optimizer")


OWN = """
import torch
from rnnsweep.optim import AbstractOptimizer

class Lacking(AbstractOptimizer):
    def init(self, parameters):
        return {}

class Nothing:
    pass

class Mine(torch.optim.SGD):
    pass

class Untyped(torch.nn.Module):
    def __init__(self, hidden_size, *, share=0.5):
        super().__init__()
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "own_classes.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_classes", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("group", "name", "said"),
    [
        ("optimizer", "Lacking", "lacks `update`"),
        ("optimizer", "Nothing", r"is no optimizer: derive it from .*AbstractOptimizer or torch\.optim\.Optimizer"),
        ("cell", "Nothing", r"is no cell: derive it from rnnsweep\.cells"),
        ("task", "Nothing", r"is no task: derive it from rnnsweep\.tasks\.base\.AbstractTask"),
        ("pooling", "Nothing", r"is no pooling: derive it from rnnsweep\.pooling\.AbstractPooling"),
    ],
)
@pytest.mark.usefixtures("own")
def test_what_a_class_lacks_is_named(group: str, name: str, said: str) -> None:
    from rnnsweep.api.compose import described

    config = described("task=parity", "packages=[own_classes]")
    config[group] = {"_target_": f"own_classes.{name}"}
    with pytest.raises(ConfigError, match=said):
        validated(config)


def test_the_help_of_a_file_without_comments_shows_the_constructor(own: Path) -> None:
    (own / "conf" / "optimizer").mkdir(parents=True)
    (own / "conf" / "optimizer" / "mine.yaml").write_text("_target_: own_classes.Mine\nlr: 0.5\n")
    words = ["--help", "optimizer=mine", "packages=[own_classes]", "--config-dir", str(own / "conf")]
    page = helping.page(CONF, words)
    assert "optimizer=mine, from the constructor of Mine" in page
    assert "optimizer.lr=0.5 " in page
    assert "optimizer.momentum=" in page


@pytest.mark.usefixtures("own")
def test_settings_without_annotations_are_taken_as_they_are() -> None:
    import own_classes  # type: ignore[import-not-found]

    assert checked(own_classes.Untyped, {"share": "half"}, "pooling") == {"share": "half"}
