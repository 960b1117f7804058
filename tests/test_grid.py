"""From the description of a sweep to its points: each rule of the grammar, by itself."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import CONF
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from rnnsweep import rng
from rnnsweep.errors import ConfigError
from rnnsweep.sweep.grammar import Grammar
from rnnsweep.sweep.grid import Axis, PointOverride, points


@pytest.fixture(scope="module")
def grammar() -> Iterator[Grammar]:
    with initialize_config_dir(str(CONF)):
        yield Grammar(GlobalHydra.instance().config_loader())


def values(axis: Axis) -> list[Any]:
    (one,) = {len(alternative) for alternative in axis}
    assert one == 1
    return [setting.value for (setting,) in axis]


def texts(axis: Axis) -> list[str]:
    return [setting.text for (setting,) in axis]


# Settings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("seed=3", PointOverride("seed", "seed=3", 3, False)),
        ("train.clip=null", PointOverride("train.clip", "train.clip=null", None, False)),
        ("task.text='a b.txt'", PointOverride("task.text", "task.text='a b.txt'", "a b.txt", False)),
        ("+cell.window=4", PointOverride("cell.window", "+cell.window=4", 4, False)),
        ("cell=gru", PointOverride("cell", "cell=gru", None, True)),
        ("~train.clip", PointOverride("train.clip", "~train.clip", None, True)),
        ("task.options={a: 1}", PointOverride("task.options", "task.options={a: 1}", None, True)),
    ],
)
def test_a_value_is_set_and_what_hydra_must_compose_is_a_group(
    text: str, wanted: PointOverride, grammar: Grammar
) -> None:
    ((setting,),) = grammar.axis(text)
    assert (setting.key, setting.text, setting.group) == (wanted.key, wanted.text, wanted.group)
    assert str(setting.value) == str(wanted.value)


def test_a_list_as_one_value_is_set_and_an_index_is_composed(grammar: Grammar) -> None:
    ((setting,),) = grammar.axis("optimizer.betas=[0.9,0.99]")
    assert (setting.value, setting.group) == ([0.9, 0.99], False)


@pytest.mark.parametrize(
    ("text", "general"),
    [("seed=1", True), ("train.steps=5", True), ("cell=gru", False), ("cell.hidden_size=8", False),
     ("task.batch_size=2", False), ("seed=1,2", False)],
)  # fmt: skip
def test_what_is_said_of_all_runs(text: str, general: bool, grammar: Grammar) -> None:
    assert grammar.is_general(grammar.override(text)) is general


# Axes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("seed=range(3)", [0, 1, 2]),
        ("seed=range(2,8,3)", [2, 5]),
        ("optimizer.lr=1e-3,3e-3", [1e-3, 3e-3]),
        ("train.clip=choice(null,1.0)", [None, 1.0]),
        ("task.tie=true,false", [True, False]),
    ],
)
def test_an_axis_has_the_values_in_their_order(text: str, wanted: list[Any], grammar: Grammar) -> None:
    assert values(grammar.axis(text)) == wanted


def test_an_axis_over_groups_says_each_choice(grammar: Grammar) -> None:
    axis = grammar.axis("cell=rnn,gru")
    assert texts(axis) == ["cell=rnn", "cell=gru"]
    assert values(axis) == [None, None]


def test_a_sweep_keeps_what_stands_before_the_key(grammar: Grammar) -> None:
    assert texts(grammar.axis("+cell.window=2,3")) == ["+cell.window=2", "+cell.window=3"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("optimizer.lr=interval(0,1)", "optimizer.lr: a grid cannot draw from a continuous range unless"),
        ("cell=tag(draw,choice(rnn,gru))", "cell: a grid cannot draw"),
        ("cell=glob(zz*)", "cell: finds no cell; there are .*gru"),
        ("seed=range(3,3)", "seed: gives no value"),
    ],
)
def test_an_axis_that_cannot_be_is_refused_by_its_key(text: str, said: str, grammar: Grammar) -> None:
    with pytest.raises(ConfigError, match=f"^{said}"):
        grammar.axis(text)


def test_a_refused_range_names_draws_and_search(grammar: Grammar) -> None:
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.draws says .* hydra\.sweeper\.search=tpe"):
        grammar.axis("optimizer.lr=interval(0,1)")


@pytest.mark.parametrize(
    ("text", "drawn"),
    [("seed=1", False), ("seed=1,2", False), ("seed=range(3)", False), ("optimizer.lr=interval(0,1)", True),
     ("cell=tag(draw,choice(rnn,gru))", True), ("cell=tag(other,choice(rnn,gru))", False)],
)  # fmt: skip
def test_what_is_drawn_at_random(text: str, drawn: bool, grammar: Grammar) -> None:
    assert grammar.is_drawn(text) is drawn


# Values from a config file ------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-9, 9),
    lambda items: st.lists(items, max_size=3),
    max_leaves=4,
)


@settings(max_examples=60, deadline=None)
@given(items=st.lists(VALUES, min_size=1, max_size=3))
def test_numbers_and_switches_of_a_file_come_back_as_they_were(items: list[Any], grammar: Grammar) -> None:
    (axis,) = grammar.axes({"task.items": items})
    assert values(axis) == items


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ([None, True, 1.5, -3], [None, True, 1.5, -3]),
        (["a b,c.txt", "", "it's", "x=(1)"], ["a b,c.txt", "", "it's", "x=(1)"]),
        (["range(3)"], ["range(3)"]),
        ([["a,b", "c"], []], [["a,b", "c"], []]),
        ("1,2", [1, 2]),
        ((1, 2), [1, 2]),
        (True, [True]),
        (None, [None]),
        (7, [7]),
    ],
)
def test_a_list_is_a_choice_and_a_text_is_in_the_grammar(value: Any, wanted: list[Any], grammar: Grammar) -> None:
    (axis,) = grammar.axes({"task.items": value})
    assert values(axis) == wanted


def test_a_mapping_in_a_list_is_one_value(grammar: Grammar) -> None:
    assert grammar.texts({"task.options": [{"a": 1, "b": ["x y"]}]}) == ["task.options={a: 1,b: [x y]}"]


def test_an_empty_list_is_refused_by_its_key(grammar: Grammar) -> None:
    with pytest.raises(ConfigError, match=r"^seed: gives no value"):
        grammar.axes({"seed": []})


def test_an_interpolation_in_a_choice_of_groups_is_that_of_the_sweeps_config(grammar: Grammar) -> None:
    config = compose("config", ["+pick=gru"])
    before = OmegaConf.to_container(config, resolve=False)
    reader = Grammar(grammar.loader, config)
    assert texts(reader.axes({"cell": "${pick}"})[0]) == ["cell=gru"]
    assert texts(reader.axes({"cell": ["rnn", "${pick}"]})[0]) == ["cell=rnn", "cell=gru"]
    assert reader.texts({"cell.hidden_size": "${seed}"}) == ["cell.hidden_size=${seed}"]
    assert grammar.texts({"cell": "${pick}"}) == ["cell=${pick}"]
    assert OmegaConf.to_container(config, resolve=False) == before


# Paired values, draws, products -------------------------------------------------------------------------------------


def test_paired_values_move_together(grammar: Grammar) -> None:
    axis = grammar.paired({"cell": ["rnn", "gru"], "cell.hidden_size": [8, 16]})
    assert [[setting.text for setting in pair] for pair in axis] == [
        ["cell=rnn", "cell.hidden_size=8"], ["cell=gru", "cell.hidden_size=16"],
    ]  # fmt: skip
    assert grammar.paired({}) == []
    with pytest.raises(ConfigError, match=r"^hydra.sweeper.paired: .* equal numbers of values \(cell: 2, seed: 3\)"):
        grammar.paired({"cell": ["rnn", "gru"], "seed": "range(3)"})


DRAWN = {
    "optimizer.lr=interval(1e-3,1e-1)": (1e-3, 1e-1),
    "optimizer.lr=tag(log,interval(1e-4,1e-1))": (1e-4, 1e-1),
    "cell.hidden_size=int(interval(3,6))": (3, 6),
    "cell.hidden_size=int(tag(log,interval(4,64)))": (4, 64),
    "cell.hidden_size=tag(draw,range(8,33,8))": (8, 32),
    "cell.hidden_size=tag(draw,range(3,10,2))": (3, 9),
}


@pytest.mark.parametrize("text", DRAWN)
def test_draws_cover_their_range(text: str, grammar: Grammar) -> None:
    low, high = DRAWN[text]
    drawn = values(grammar.drawn([text], 400))
    assert len(drawn) == 400
    assert all(low <= value <= high for value in drawn)
    whole, step = isinstance(low, int), int(text.rstrip(")")[-1]) if "range" in text else 1
    assert all(isinstance(value, int) is whole for value in drawn)
    middle = (low * high) ** 0.5 if "log" in text else (low + high) / 2
    below = sum(value < middle for value in drawn) + 0.5 * sum(value == middle for value in drawn)
    assert 0.4 < below / 400 < 0.6
    if whole and "log" not in text:
        assert {low, high} <= set(drawn)
        assert min(drawn.count(value) for value in set(drawn)) > 40
        assert all((value - low) % step == 0 for value in drawn)
    if not whole:
        assert all(value == float(f"{value:.4g}") for value in drawn)


def test_drawn_choices_are_those_that_were_given(grammar: Grammar) -> None:
    drawn = texts(grammar.drawn(["cell=tag(draw,choice(rnn,gru,lstm))"], 60))
    assert set(drawn) == {"cell=rnn", "cell=gru", "cell=lstm"}
    assert all(10 < drawn.count(each) < 30 for each in set(drawn))
    assert values(grammar.drawn(["cell.hidden_size=tag(draw,choice(8))"], 2)) == [8, 8]


def test_a_draw_depends_on_its_key_and_number_alone(grammar: Grammar) -> None:
    lr, size = "optimizer.lr=interval(0,1)", "cell.hidden_size=interval(1,1000)"
    few, many = grammar.drawn([lr], 3), grammar.drawn([lr, size], 8)
    assert [pair[0] for pair in many[:3]] == [alone for (alone,) in few]
    assert [pair[0].key for pair in many] == ["optimizer.lr"] * 8
    assert len({pair[0].value for pair in many}) == 8
    other = values(grammar.drawn(["train.clip=interval(0,1)"], 3))
    assert other != values(few)


def test_draws_stay_what_they_are(grammar: Grammar) -> None:
    """A random sweep that is extended later keeps its points: they come from this stream of random numbers."""
    shares = itertools.islice(rng.uniform(0, "sampling", "optimizer.lr"), 3)
    drawn = values(grammar.drawn(["optimizer.lr=interval(0,1)"], 3))
    assert drawn == [float(f"{share:.4g}") for share in shares]


def test_later_settings_win_in_the_product_of_blocks(grammar: Grammar) -> None:
    blocks = [
        [grammar.axis("seed=0,1"), grammar.axis("cell=rnn,gru")],
        [grammar.axis("seed=5"), grammar.axis("train.steps=9"), grammar.axis("seed=7")],
    ]
    found = [{key: setting.text for key, setting in point.items()} for point in points(blocks)]
    assert found == [
        {"seed": "seed=0", "cell": "cell=rnn"},
        {"seed": "seed=0", "cell": "cell=gru"},
        {"seed": "seed=1", "cell": "cell=rnn"},
        {"seed": "seed=1", "cell": "cell=gru"},
        {"seed": "seed=7", "train.steps": "train.steps=9"},
    ]


# What a search draws from -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "attributes"),
    [
        ("optimizer.lr=tag(log,interval(1e-4,1e-1))", "FloatDistribution", {"low": 1e-4, "high": 1e-1, "log": True}),
        ("optimizer.lr=interval(0,0.5)", "FloatDistribution", {"low": 0, "high": 0.5, "log": False}),
        ("cell.hidden_size=int(interval(4,64))", "IntDistribution", {"low": 4, "high": 64, "log": False, "step": 1}),
        ("cell.hidden_size=int(tag(log,interval(4,64)))", "IntDistribution", {"low": 4, "high": 64, "log": True}),
        ("cell.hidden_size=range(8,33,8)", "IntDistribution", {"low": 8, "high": 32, "step": 8}),
        ("cell.hidden_size=range(33,8,-8)", "IntDistribution", {"low": 9, "high": 33, "step": 8}),
        ("train.clip=range(0,1,0.25)", "CategoricalDistribution", {"choices": [0.0, 0.25, 0.5, 0.75]}),
        ("cell=rnn,gru", "CategoricalDistribution", {"choices": ["rnn", "gru"]}),
        ("task.text='a b',c", "CategoricalDistribution", {"choices": ["a b", "c"]}),
        ("optimizer.betas=['x',0.9],[]", "CategoricalDistribution", {"choices": [["x", 0.9], []]}),
        ("task.options={k: 'v w'},null", "CategoricalDistribution", {"choices": [{"k": "v w"}, None]}),
    ],
)
def test_what_a_search_draws_from(text: str, name: str, attributes: dict[str, Any], grammar: Grammar) -> None:
    distribution = grammar.distribution(grammar.override(text))
    assert distribution["name"] == name
    assert {key: distribution["attributes"][key] for key in attributes} == attributes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("optimizer.lr=interval(1,0.5)", "optimizer.lr: cannot be searched: "),
        ("optimizer.lr=tag(log,interval(0,1))", "optimizer.lr: cannot be searched: "),
        ("seed=range(3,3)", "seed: gives no value"),
    ],
)
def test_an_empty_range_is_refused_by_its_key(text: str, said: str, grammar: Grammar) -> None:
    with pytest.raises(ConfigError, match=f"^{said}"):
        grammar.distribution(grammar.override(text))
