"""Encoder-decoders: ragged sources, attention, teacher forcing, beams."""

import datetime
import itertools
import math
import typing

import pytest
import torch
from conftest import Compose, cells

from rnnsweep import rng, run
from rnnsweep.api.writing import Options, written
from rnnsweep.attention import DecoderAttention
from rnnsweep.errors import ConfigError
from rnnsweep.models.decode import beam
from rnnsweep.models.encoder import Encoder, reversed_within
from rnnsweep.models.encoder_decoder import EncoderDecoder
from rnnsweep.schedules import forcing
from rnnsweep.stack import Stack
from rnnsweep.tasks import dates
from rnnsweep.tasks.addition import Addition
from rnnsweep.tasks.copy import Copy
from rnnsweep.tasks.transduction import TransductionTask

ATTENTIONS = ["none", "bahdanau", "luong_dot", "luong_general", "luong_concat"]


def made(composed: Compose, *overrides: str) -> run.PreparedRun:
    sizes = ("task.seq_len=5", "task.examples=60", "task.held_out=20", "task.alphabet=3", "cell.hidden_size=6")
    return run.prepare(composed("task=reverse", *sizes, "task.embedding_size=4", *overrides))


def model_of(each: run.PreparedRun) -> EncoderDecoder:
    model = run.make_model(each.config, each.classes, each.task).double().eval()
    assert isinstance(model, EncoderDecoder)
    return model


def test_worked_example(composed: Compose) -> None:
    task = made(composed).task
    batch = task._examples([("abc", "cba"), ("b", "b")], task.widths)  # type: ignore[attr-defined]
    assert batch["source"].tolist() == [[1, 2, 3, 0, 0], [2, 0, 0, 0, 0]]
    assert batch["inputs"].tolist() == [[4, 3, 2, 1, 0, 0], [4, 2, 0, 0, 0, 0]]
    assert batch["targets"].tolist() == [[3, 2, 1, 4, 0, 0], [2, 4, 0, 0, 0, 0]]
    assert batch["lengths"].tolist() == [4, 2]


@pytest.mark.parametrize("name", cells(everyday=2))
@pytest.mark.parametrize("layers", [1, 2])
def test_every_cell_reads_ragged_sequences_from_both_ends(name: str, layers: int, composed: Compose) -> None:
    """Outputs and last states of each sequence are those that it has alone, without padding."""
    config, classes = run.validated(composed(f"cell={name}", "cell.hidden_size=5", f"cell.num_layers={layers}"))
    options = run.settings(config, "cell")
    lengths = torch.tensor([2, 7, 4, 7])
    for both in [False, True] if "bidirectional" in options else [False]:
        with rng.seeded(0, "init"):
            reader = Encoder(
                lambda size, both=both: classes["cell"](size, **options | ({"bidirectional": True} if both else {})), 3
            )
        reader.double()
        x = torch.randn(4, 7, 3, dtype=torch.float64)
        h, states = reader.with_states(x, lengths, 2)
        torch.testing.assert_close(reader(x, lengths), h)
        for row, length in enumerate(lengths.tolist()):
            alone = x[row : row + 1, :length]
            wanted, last = reader.cell(alone, ())
            torch.testing.assert_close(h[row : row + 1, :length, :5], wanted)
            torch.testing.assert_close(tuple(leaf[row : row + 1] for leaf in states[0]), last)
            if reader.backward_cell is not None:
                back, first = reader.backward_cell(alone.flip(1), ())
                torch.testing.assert_close(h[row : row + 1, :length, 5:], back.flip(1))
                torch.testing.assert_close(tuple(leaf[row : row + 1] for leaf in states[1]), first)


def test_turning_is_its_own_inverse() -> None:
    x, lengths = torch.randn(5, 6, 2), torch.tensor([1, 2, 6, 5, 3])
    torch.testing.assert_close(reversed_within(reversed_within(x, lengths), lengths), x)
    torch.testing.assert_close(reversed_within(x, lengths)[1, :2], x[1, :2].flip(0))


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("both", [False, True])
def test_stepwise_is_teacher_forced_where_every_coin_is_true(attention: str, both: bool, composed: Compose) -> None:
    if attention == "luong_dot" and both:
        with pytest.raises(ConfigError, match=r"task.attention.*12 features, the decoder's 6"):
            made(composed, f"task/attention={attention}", "cell.bidirectional=true")
        return
    each = made(composed, f"task/attention={attention}", "cell=lstm", f"cell.bidirectional={both}", "cell.num_layers=2")
    model, batch = model_of(each), next(each.task.evaluation("val"))
    read = batch["source"], batch["source_lengths"], batch["inputs"]
    forced = model(*read)
    torch.testing.assert_close(model.mixed(*read, torch.ones_like(batch["inputs"], dtype=torch.bool)), forced)
    free = model.mixed(*read, torch.zeros_like(batch["inputs"], dtype=torch.bool))
    torch.testing.assert_close(free[:, 0], forced[:, 0])
    assert not torch.allclose(free, forced)


def test_a_forced_share_has_the_same_name_in_training_and_validation(composed: Compose) -> None:
    """`exact` is the free-running share, wherever it stands."""
    example = made(composed, "task.attention=none")
    model, batch = run.make_model(example.config, example.classes, example.task), example.task.batch(0)
    _, trained, _ = example.task.loss(model.train(), batch, ())
    _, judged, _ = example.task.loss(model.eval(), batch, ())
    assert set(trained) == {"loss", "forced_token_accuracy", "forced_exact"}
    assert {"exact", "token_accuracy", "free_loss"} == set(judged) - set(trained)
    for name, (total, count) in trained.items():
        torch.testing.assert_close(judged[name], (total, count))
    mixed = made(composed, "task.attention=none", "task.teacher_forcing=0.5")
    _, metrics, _ = mixed.task.loss(model.train(), mixed.task.batch(0), ())
    assert set(metrics) == {"loss", "mixed_token_accuracy", "mixed_exact"}


@pytest.mark.parametrize("cell", ["mlp_window", "lstm_full_gate_recurrence", "rnn"])
@pytest.mark.parametrize("attention", ["none", "bahdanau"])
def test_every_kind_of_state_crosses_the_bridge(cell: str, attention: str, composed: Compose) -> None:
    each = made(composed, f"cell={cell}", f"task/attention={attention}")
    loss, _, _ = each.task.loss(model_of(each), next(each.task.evaluation("val")), ())
    assert loss.isfinite()


@pytest.mark.parametrize("kind", ATTENTIONS[1:])
def test_attention_is_the_papers(kind: str) -> None:
    """Written out for one query and one source of three steps, of which the last does not exist."""
    torch.manual_seed(0)
    attention = DecoderAttention(kind, 4, 4, 5).double()  # type: ignore[arg-type]
    query, keys = torch.randn(4).double(), torch.randn(3, 4).double()
    context, weights = attention(query[None, None], keys[None], torch.tensor([[True, True, False]]))
    scores = []
    for key in keys[:2]:
        if kind == "luong_dot":
            scores.append(query @ key)
        elif kind == "luong_general":
            scores.append(query @ attention.general.weight @ key)
        else:
            inside = attention.query.weight @ query + attention.key.weight @ key + attention.key.bias
            scores.append(attention.score.weight[0] @ torch.tanh(inside))
    shares = torch.exp(torch.stack(scores)) / torch.exp(torch.stack(scores)).sum()
    torch.testing.assert_close(weights[0, 0], torch.cat([shares, torch.zeros(1).double()]))
    torch.testing.assert_close(context[0, 0], shares @ keys[:2])


@pytest.mark.parametrize("kind", ATTENTIONS[1:])
def test_padding_that_is_not_finite_is_not_attended_to(kind: str) -> None:
    attention = DecoderAttention(kind, 4, 4, 3)  # type: ignore[arg-type]
    exists = torch.tensor([[True, True, False]])
    queries, keys = torch.randn(1, 2, 4), torch.randn(1, 3, 4)
    clean, _ = attention(queries, keys, exists)
    keys[0, 2] = torch.nan
    read, weights = attention(queries, keys, exists)
    assert torch.equal(read, clean)
    assert not weights[..., 2].any()


@pytest.mark.parametrize("penalty", [0.0, *(pytest.param(each, marks=pytest.mark.slow) for each in (0.6, 2.0))])
@pytest.mark.parametrize("attention", ["none", "bahdanau", "luong_dot"])
def test_a_wide_beam_finds_what_brute_force_finds(penalty: float, attention: str, composed: Compose) -> None:
    each = made(composed, f"task/attention={attention}")
    model, boundary, longest = model_of(each), 4, 3
    batch = {key: values[:5] for key, values in next(each.task.evaluation("val")).items()}
    found, score = beam(model, batch["source"], batch["source_lengths"], boundary, longest, 5**longest, penalty)
    for row in range(5):
        one = batch["source"][row : row + 1], batch["source_lengths"][row : row + 1]
        best: tuple[float, list[int]] = (-float("inf"), [])
        for count in range(longest + 1):
            for symbols in itertools.product(range(4), repeat=count):
                text = [*symbols, boundary][:longest]
                logs = model(*one, torch.tensor([[boundary, *text[:-1]]])).float().log_softmax(2)[0]
                total = sum(logs[step, symbol].item() for step, symbol in enumerate(text))
                total /= ((5 + len(text)) / 6) ** penalty
                best = max(best, (total, text))
        assert found[row].tolist()[: len(best[1])] == best[1]
        assert score[row].item() == pytest.approx(best[0], rel=1e-5)


def test_a_beam_of_one_is_greedy(composed: Compose) -> None:
    each = made(composed, "task/attention=luong_general")
    model, batch = model_of(each), next(each.task.evaluation("val"))
    found, _ = beam(model, batch["source"], batch["source_lengths"], 4, 6, 1, 0.0)
    never = torch.zeros_like(batch["inputs"], dtype=torch.bool)
    greedy = model.mixed(batch["source"], batch["source_lengths"], batch["inputs"], never).argmax(2)
    texts = [each.task.vocabs[1].ended(row) for rows in (found.tolist(), greedy.tolist()) for row in rows]  # type: ignore[attr-defined]
    assert texts[: len(found)] == texts[len(found) :]


def test_one_source_is_answered_or_refused(composed: Compose) -> None:
    each = made(composed, "task/attention=luong_general")
    model, task = model_of(each), each.task
    assert isinstance(task, TransductionTask)
    source, _ = task.pairs["test"][0]
    part = {name: values[:1] for name, values in task.data["test"].items()}
    found, _ = beam(model, part["source"], part["source_lengths"], 4, 6, 1, 0.0)
    assert task.answer(model, source) == task.vocabs[1].ended(found[0].tolist())
    for bad in ("", "abcabc", "axb"):
        with pytest.raises(ConfigError, match=r"^prompt: expected 1 to 5 symbols of `abc`"):
            task.answer(model, bad)
    with pytest.raises(ConfigError, match=r"^the new data: example 1 is 'axb'; expected 1 to 5 symbols of `abc`"):
        task.predict(model, [source, "axb"])
    for unread in (Options(seed=1), Options(length=5), Options(temperature=0.0), Options(top_k=2)):
        with pytest.raises(ConfigError, match="it does nothing here: an encoder-decoder answers"):
            written(task, model, unread, "a-run")


@pytest.mark.parametrize("both", [False, True])
def test_a_source_shorter_than_those_of_training_is_read_to_its_own_end(both: bool, composed: Compose) -> None:
    overrides = ("task.min_len=4", "cell=lstm", f"cell.bidirectional={both}".lower())
    each, usual = made(composed, *overrides), made(composed, *overrides[1:])
    model, like = model_of(each), model_of(usual)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(8)  # so that answers differ
    like.load_state_dict(model.state_dict())
    assert (model.shortest, like.shortest) == (4, 1)
    answers = [
        [task.answer(one, source) for source in ("a", "b", "c", "ab", "ba", "cba")]  # type: ignore[attr-defined]
        for one, task in ((model, each.task), (like, usual.task))
    ]
    assert answers[0] == answers[1]
    assert len({*answers[0]}) > 2


def test_models_that_read_in_other_pieces_are_no_stack(composed: Compose) -> None:
    models = [model_of(made(composed, "cell=lstm", f"task.min_len={least}")) for least in (1, 2, 2)]
    assert Stack(models[1:], torch.device("cpu")).size == 2
    with pytest.raises(RuntimeError, match="different programs"):
        Stack(models[:2], torch.device("cpu"))


def test_a_question_is_asked_as_it_is_written_and_read_from_its_end() -> None:
    task = Addition(0, 8, examples=2000, held_out=50)
    assert all(int(a) + int(b) == int(sum_) for q, sum_ in task.pairs["test"] for a, b in [q.split("+")])
    row, (question, _) = task.data["test"]["source"][0], task.pairs["test"][0]
    assert task.vocabs[0].decode(row[: len(question)].tolist()) == question[::-1]
    for known in ("0+0", "535+61", "999+999"):
        assert not task.expected(known)
    for other in ("", "535", "+61", "1000+1", "07+1", "1+2+3", "5-1", "1+2 "):
        assert task.expected(other) == "a question such as 35+6, with terms of up to 3 digits"


@pytest.mark.parametrize("form", typing.get_args(dates.Format))
def test_a_date_outside_the_formats_is_refused(form: dates.Format) -> None:
    task = dates.Dates(0, 8, sources=[form], examples=5, held_out=5)
    for day in range(0, 73049, 97):
        assert not task.expected(dates.written(dates.FIRST + datetime.timedelta(day), form))
    for other in ("", "2025-9-30", "2025-02-29", "31.4.2025", "04/31/2025", "Sept 3, 2025", "2100-01-01", "1899-12-31"):
        assert task.expected(other).startswith("a date from 1900 to 2099, written as ")
    foreign = [other for other in typing.get_args(dates.Format) if other != form]
    assert all(task.expected(dates.written(datetime.date(2025, 9, 30), other)) for other in foreign)


def test_widths_come_from_the_settings_and_not_from_what_was_drawn() -> None:
    days = [dates.FIRST + datetime.timedelta(day) for day in range((dates.LAST - dates.FIRST).days + 1)]
    longest = {form: max(len(dates.written(day, form)) for day in days) for form in typing.get_args(dates.Format)}
    for form, target in (("long", "american"), ("american", "short"), ("european", "dotted"), ("iso", "long")):
        task = dates.Dates(0, 8, sources=[form, "iso"], target=target, examples=2, held_out=1)
        assert task.widths == (max(longest[form], longest["iso"]), longest[target])
        assert task.data["train"]["source"].shape[1] == task.widths[0]
    for digits in (1, 2):
        terms = range(10**digits)
        drawn = Addition(0, 8, digits=digits, examples=2, held_out=1)
        assert drawn.widths == (max(len(f"{a}+{b}") for a in terms for b in terms), len(str(2 * terms[-1])))
        assert drawn.data["test"]["targets"].shape[1] == drawn.widths[1] + 1


@pytest.mark.parametrize(
    ("task", "known"),
    [
        (Addition(0, 8, examples=2000, held_out=100), "03fa9fe164e3b6a7"),
        (dates.Dates(0, 8, sources=["long", "american"], target="long", examples=5, held_out=2), "54488f62c31696ce"),
        (dates.Dates(1, 8, sources=["european"], target="dotted", examples=3, held_out=2), "d714ad1a6046f9c3"),
    ],
)
def test_padding_takes_no_part_in_a_runs_name(task: TransductionTask, known: str) -> None:
    """The hashes are of the version whose rows were as wide as the longest that was drawn."""
    assert task.data_hash.startswith(known)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([("abé", "a")], r"a source of the test part does not fit `alphabets`: the vocabulary lacks 'é'"),
        ([("ab", "a ")], r"a target of the test part does not fit `alphabets`: the vocabulary lacks ' '"),
        ([("", "a")], "the test part has an empty source"),
        ([], "the test part has no pair"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(pairs: list[tuple[str, str]], said: str) -> None:
    task = Copy(0, 2, examples=20, held_out=10, alphabet=3)
    task.pairs["test"] = pairs
    for found in (lambda: task.data_hash, lambda: task.data):
        with pytest.raises(ConfigError, match=f"^task: {said}"):
            found()


def test_forcing_schedules_have_their_halves() -> None:
    for shape in ("linear", "exponential", "inverse_sigmoid"):
        shares = [forcing(shape, 0.8, 500, step) for step in (0, 250, 500, 1000, 5000)]  # type: ignore[arg-type]
        assert shares[0] == pytest.approx(0.8)
        assert shares[2] == pytest.approx(0.4, rel=1e-6)
        assert shares == sorted(shares, reverse=True)
        assert shares[-1] < 1e-2
    assert forcing("constant", 0.8, 1, 10_000) == 0.8
    k = 100.0  # Bengio et al.: k / (k + exp(i / k)), here over its value at 0
    half = k * math.log(k + 2)
    wanted = (k / (k + math.exp(300 / k))) / (k / (k + 1))
    assert forcing("inverse_sigmoid", 1.0, half, 300) == pytest.approx(wanted, rel=1e-6)  # type: ignore[arg-type]


def test_coins_fall_as_often_as_they_should_and_come_from_the_seed(composed: Compose) -> None:
    runs = [made(composed, "task.teacher_forcing=.25", f"seed={seed}") for seed in (0, 0, 1)]
    coins = [torch.cat([each.task.batch(step)["coins"] for step in range(200)]) for each in runs]
    assert torch.equal(coins[0], coins[1])
    assert not torch.equal(coins[0], coins[2])
    assert coins[0].float().mean().item() == pytest.approx(0.25, abs=5 * (0.25 * 0.75 / coins[0].numel()) ** 0.5)
    assert "coins" not in made(composed).task.batch(0)


def test_teacher_forcing_ratios_stack_but_not_with_pure_forcing(composed: Compose) -> None:
    signatures = [made(composed, f"task.teacher_forcing={ratio}").signature for ratio in (0.0, 0.5, 1.0)]
    assert signatures[0] == signatures[1] != signatures[2]
