"""cell.match_params: the nearest size there is, of the whole model, for every cell."""

import pytest
from conftest import Compose, Told, cells
from hypothesis import given
from hypothesis import strategies as st

from rnnsweep import run
from rnnsweep.cells.base import AbstractCell
from rnnsweep.matching import nearest


@given(wanted=st.integers(1, 5000), quadratic=st.integers(0, 5), linear=st.integers(1, 9), constant=st.integers(0, 90))
def test_the_nearest_size(wanted: int, quadratic: int, linear: int, constant: int) -> None:
    def parameters(size: int) -> int:
        return quadratic * size**2 + linear * size + constant

    found = nearest(wanted, parameters)
    best = min(abs(parameters(size) - wanted) for size in range(1, 5001))
    assert abs(parameters(found) - wanted) == best


def model(composed: Compose, *overrides: str) -> tuple[int, int]:
    """Hidden size and parameters of an encoder-decoder."""
    prepared = run.identify(composed("task=copy", "task.examples=50", "task.held_out=10", *overrides))
    made = run.make_model(prepared.config, prepared.classes, prepared.task)
    (size,) = {module.hidden_size for module in made.modules() if isinstance(module, AbstractCell)}
    return size, sum(p.numel() for p in made.parameters())


@pytest.mark.parametrize("name", cells(everyday=2))
def test_every_cell_is_matched_with_the_whole_model_around_it(name: str, composed: Compose) -> None:
    wanted = 20_000
    size, matched = model(composed, f"cell={name}", f"cell.match_params={wanted}")
    gaps = [abs(model(composed, f"cell={name}", f"cell.hidden_size={size + by}")[1] - wanted) for by in (-1, 0, 1)]
    assert abs(matched - wanted) == gaps[1] == min(gaps)
    assert gaps[1] < 0.05 * wanted


def test_a_number_below_the_smallest_model_is_refused(composed: Compose, refused: Told) -> None:
    for name, smallest in (("gru", 1), ("mlstm", 8)):
        words = ("task=copy", "task.examples=50", "task.held_out=10", f"cell={name}")
        heads = ("cell.heads=8",) if name == "mlstm" else ()
        _, least = model(composed, f"cell={name}", *heads, f"cell.hidden_size={smallest}")
        said = f"`cell.match_params={least - 1}`: the smallest model, of hidden size {smallest}, has {least:,}"
        assert said in refused(*words, *heads, f"cell.match_params={least - 1}")
        assert model(composed, f"cell={name}", *heads, f"cell.match_params={least}") == (smallest, least)


def test_heads_divide_the_matched_size(composed: Compose) -> None:
    for name in ("slstm", "mlstm"):
        size, matched = model(composed, f"cell={name}", "cell.heads=8", "cell.match_params=20000")
        assert size % 8 == 0
        assert matched == pytest.approx(20_000, rel=0.2)
