"""Word-level language modelling: the data by hand, and each part of the recipe against an independent reference."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import CONF, TIMES, Compose, Told, choices
from omegaconf import OmegaConf
from torch import nn
from torch.nn import functional as F

from rnnsweep import run, system
from rnnsweep.api.writing import Options, written
from rnnsweep.cells.lstm import LSTM
from rnnsweep.errors import ConfigError
from rnnsweep.interrupt import Interrupted, StopRequest
from rnnsweep.kernels import chunked
from rnnsweep.kernels.chunked import total_cross_entropy
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.heads import AdaptiveHead
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.pooling import Last
from rnnsweep.record import RunStore
from rnnsweep.stack import Stack
from rnnsweep.tasks.wordlm import WordLM
from rnnsweep.train import Observer
from rnnsweep.vocab import UNKNOWN, WordVocab

TEXT = "the cat sat\non the mat <unk>\n\nthe end\n"


def task(folder: Path, **options: Any) -> WordLM:
    """A task on three files; the training text is TEXT ten times."""
    for name, content in (("train", TEXT * 10), ("valid", "the dog sat\n"), ("test", "the cat\n")):
        (folder / f"{name}.txt").write_text(content)
    return WordLM(0, 2, **{"text": str(folder), "seq_len": 5, "embedding_size": 6} | options)


def model_of(made: WordLM, **options: Any) -> ManyToMany:
    torch.manual_seed(0)
    return made.build(lambda width: LSTM(width, **{"hidden_size": 7} | options), Last)


# The data ------------------------------------------------------------------------------------------------------


def test_words_line_ends_and_the_unknown_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = task(tmp_path)
    assert made.vocab.symbols == ["<eos>", "the", "cat", "end", "mat", "on", "sat"]  # by frequency, then the alphabet
    assert made.data.tokens["train"][0][:13].tolist() == [2, 3, 7, 1, 6, 2, 5, UNKNOWN, 1, 1, 2, 4, 1]
    assert made.data.tokens["val"].tolist() == [[2, UNKNOWN, 7, 1]]
    assert "25% of the words in the validation part are not in the vocabulary ('dog')" in capsys.readouterr().err
    assert made.vocab.decode([2, 3, 1, 2, 0]) == " the cat\nthe <unk>"


@pytest.mark.parametrize("length", range(3, 14))
def test_a_text_is_cut_between_words(length: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The parts have the words of the text in their order, whichever place of a word the fractions fall on."""
    words = [("a" * length, "b" * length, "c" * length)[n % 3] for n in range(97)]
    path = tmp_path / f"{length}.txt"
    path.write_text(" ".join(words))
    parts = WordLM(0, 2, text=str(path), val_fraction=0.2, test_fraction=0.2).data.parts
    assert [word for part in ("train", "val", "test") for word in parts[part][0].split()] == words  # type: ignore[index]
    assert [len(parts[part][0].split()) for part in ("train", "val", "test")] == pytest.approx([58, 19, 19], abs=1)  # type: ignore[index]
    assert "not in the vocabulary" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("limits", "words"), [({"max_words": 2}, ["<eos>", "the"]), ({"min_count": 11}, ["<eos>", "the"]), ({}, None)]
)
def test_rare_words_become_the_unknown_word(limits: Any, words: list[str] | None, tmp_path: Path) -> None:
    made = task(tmp_path, **limits)
    assert len(made.vocab) == (8 if words is None else 3)
    if words:
        assert made.vocab.symbols == words
        assert made.data.tokens["train"][0][:4].tolist() == [2, UNKNOWN, UNKNOWN, 1]


def test_what_cannot_be_a_vocabulary(tmp_path: Path, refused: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    task(tmp_path)
    (tmp_path / "valid.txt").write_text("the cat sat\n")
    words = ("task=wordlm", f"task.text={tmp_path}", "task.seq_len=5", "train.batch_size=2")
    assert "the most frequent one occurs 40 times" in refused(*words, "task.min_count=41")
    assert "the vocabulary lacks 'dog', 'no'" in refused(*words, "task.prompts=[no dog]")
    assert "' ' has no words; a prompt has at least one" in refused(*words, "task.prompts=[' ']")
    monkeypatch.setattr("rnnsweep.data.wordlists.MOST", 5)
    many = tmp_path / "many"
    many.mkdir()
    (many / "train.txt").write_text("a b c d e f g\n" * 9)
    with pytest.raises(ConfigError, match=r"task.max_words: .* has 8 different words and no `<unk>`; say how many"):
        _ = WordLM(0, 2, text=str(many)).data
    assert len(WordLM(0, 2, text=str(many), max_words=5).vocab) == 6


def test_parts_of_one_word_have_nothing_to_predict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text("once " * 40 + "forevermore " * 10)
    with pytest.raises(ConfigError, match=r"^task.val_fraction: the validation part of .* has fewer than two words"):
        _ = WordLM(0, 2, text=str(text), val_fraction=0.01).data
    _ = WordLM(0, 2, text=str(text), val_fraction=0.2, test_fraction=0.0).data
    assert "no test" not in capsys.readouterr().err
    _ = WordLM(0, 2, text=str(text), val_fraction=0.2, test_fraction=0.01).data
    assert "has fewer than two words, so there is nothing to predict: there is no test" in capsys.readouterr().err


# The loss ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tie", [False, True])
def test_the_perplexity_is_exact_over_the_whole_part(
    tie: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against torch's cross-entropy of all scores at once, with the state carried over every batch and piece."""
    made = task(tmp_path, tie_weights=tie)
    (tmp_path / "valid.txt").write_text("the cat sat on the mat\nthe end\n" * 7)
    made = WordLM(0, 2, text=str(tmp_path), seq_len=5, embedding_size=6, tie_weights=tie)
    model = model_of(made).eval()
    stream = made.data.tokens["val"][0].long()
    scores, _ = model(stream[None, :-1])
    wanted = F.cross_entropy(scores[0], stream[1:]).item()
    monkeypatch.setattr("rnnsweep.tasks.language.EVALUATION_TOKENS", 13)
    monkeypatch.setattr(chunked, "SCORES", 40)
    total, count, state = 0.0, 0.0, ()
    with torch.no_grad():
        for batch in made.evaluation("val"):
            _, metrics, state = made.loss(model, batch, state)
            total, count = total + metrics["loss"][0].item(), count + metrics["loss"][1].item()
    assert count == len(stream) - 1
    assert total / count == pytest.approx(wanted, rel=1e-6)
    assert made.derive({"loss": wanted})["ppl"] == pytest.approx(math.exp(wanted))


@pytest.mark.parametrize("scores", [2**22, 30])
def test_the_chunked_loss_and_its_gradients_are_torchs(scores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked, "SCORES", scores)
    torch.manual_seed(0)
    leaves = [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in ((3, 5, 4), (9, 4), (9,))]
    h, weight, bias = leaves
    targets = torch.randint(9, (3, 5))
    wanted = F.cross_entropy(F.linear(h, weight, bias).flatten(0, 1), targets.flatten(), reduction="sum")
    found = total_cross_entropy(h, weight, bias, targets)
    torch.testing.assert_close(found, wanted)
    for own, theirs in zip(*(torch.autograd.grad(loss * 0.3, leaves) for loss in (found, wanted)), strict=True):
        torch.testing.assert_close(own, theirs)
    with torch.no_grad():
        torch.testing.assert_close(total_cross_entropy(h, weight, bias, targets), wanted)


def test_the_loss_over_many_words_takes_little_memory() -> None:
    """12,000 steps of 5,000 words would be 240 MB of scores, and as much again of their gradient."""
    before = system.resident_peak()
    h, weight = torch.zeros(12_000, 8, requires_grad=True), torch.zeros(5_000, 8, requires_grad=True)
    total_cross_entropy(h, weight, torch.zeros(5_000), torch.zeros(12_000, dtype=torch.int64)).backward()
    assert system.resident_peak() - before < 1e8


@pytest.mark.parametrize(
    "options", [{}, {"tie_weights": True, "variational": True, "word_dropout": 0.3}, {"cutoffs": [2, 4]}]
)
def test_a_stack_equals_its_members_alone(options: Any, composed: Compose, tmp_path: Path) -> None:
    """Losses and gradients of two seeds, with all kinds of dropout."""
    task(tmp_path)
    words = [f"task.{name}={value}" for name, value in options.items()]
    small = ("task.embedding_size=6", "task.seq_len=5", "cell=lstm", "cell.hidden_size=6", "train.batch_size=2")
    drops = ("cell.weight_dropout=0.4", "cell.num_layers=2", "cell.dropout=0.2")
    runs = [
        run.prepare(composed("task=wordlm", f"task.text={tmp_path}", *small, *drops, *words, f"seed={seed}"))
        for seed in (0, 1)
    ]

    def gradients(members: list[run.PreparedRun], kernel: Any) -> torch.Tensor:
        models = [run.make_model(each.config, each.classes, each.task) for each in members]
        stack = Stack(models, torch.device("cpu"))
        stack.run_with(kernel, together=kernel != "library")
        keys = stack.keys([each.seed for each in members], 3)
        batches = [each.task.batch(1) for each in members]
        batch = {k: torch.stack([b[k] for b in batches]) for k in batches[0]}
        stack.differentiate(members[0].task.loss, batch, (), keys)
        return stack.gradients.clone()

    alone = torch.cat([gradients([each], "scan") for each in runs])
    for kernel in ("scan", "library", "fused"):
        torch.testing.assert_close(gradients(runs, kernel), alone, atol=1e-6, rtol=1e-4)


# The model -----------------------------------------------------------------------------------------------------


def test_the_model_is_the_well_known_one_of_torchs_modules(tmp_path: Path) -> None:
    """Embedding, two layers of nn.LSTM and a linear head, tied; the weights are copied."""
    made = task(tmp_path, embedding_size=7, tie_weights=True)
    model = model_of(made, num_layers=2, forget_bias=None, recurrent_init="uniform").eval()
    reference = nn.LSTM(7, 7, 2, batch_first=True)
    own = dict(model.cell.layers.named_parameters())
    for layer in (0, 1):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(reference, f"{name}_l{layer}").data.copy_(own[f"{layer}.{name}"])
    tokens = torch.randint(8, (2, 9), generator=torch.Generator().manual_seed(1))
    vectors, bias = model.embedding.weight, model.head.bias
    h, _ = reference(F.embedding(tokens, vectors))
    torch.testing.assert_close(model(tokens)[0], F.linear(h, vectors, bias))
    assert vectors.abs().max() <= 0.1
    assert not bias.any()
    assert sum(p.numel() for p in model.parameters()) == 8 * 7 + 8 + 2 * 4 * 7 * (7 + 7 + 2)


def test_word_dropout_drops_whole_words_wherever_they_stand() -> None:
    embedding = TokenEmbedding(50, 4, word_dropout=0.4).train()
    embedding.word_dropout.start(5)
    tokens = torch.arange(50).repeat(2, 3)  # every word six times
    ratio = (embedding(tokens) / embedding.weight[tokens]).detach()
    assert ((ratio == 0) | (ratio - 1 / 0.6).abs().lt(1e-5)).all()
    kept = ratio[0, :50, 0] > 0
    assert torch.equal(ratio[:, :, 0] > 0, kept.repeat(2, 3))
    assert 20 <= kept.sum() <= 40
    torch.testing.assert_close(embedding.eval()(tokens), embedding.weight[tokens])


def recurrent_cells() -> list[Any]:
    """The cells with the setting; most are for the slow pass."""
    files = {name: OmegaConf.load(CONF / "cell" / f"{name}.yaml") for name in choices("cell")}
    found = [name for name, content in files.items() if "recurrent@_here_" in str(content.get("defaults"))]
    return [pytest.param(name, marks=[pytest.mark.slow] * (name not in ("lstm", "gru", "indrnn"))) for name in found]


@pytest.mark.parametrize(("name", "lines"), [("lstm_full_gate_recurrence", 1), ("lstm_vanilla", 0)])
def test_weights_that_are_never_dropped_are_told(
    name: str, lines: int, composed: Compose, capsys: pytest.CaptureFixture[str]
) -> None:
    made = run.prepare(composed("task=parity", f"cell={name}", "cell.weight_dropout=0.5"))
    run.make_model(made.config, made.classes, made.task)
    said = capsys.readouterr().err
    assert said.count("none of 'weight_gates'") == lines == said.count("weight_dropout")


@pytest.mark.parametrize("name", recurrent_cells())
def test_dropped_recurrent_weights_are_a_cell_with_other_weights(name: str, composed: Compose) -> None:
    """In training the outputs are those of the cell whose weights are the masked ones; in pieces, too; else nothing."""
    words = ("task=parity", f"cell={name}", "cell.hidden_size=8", "cell.weight_dropout=0.5")
    made = run.prepare(composed(*words))
    cells = [
        module
        for module in run.make_model(made.config, made.classes, made.task).modules()
        if hasattr(module, "drop_connect")
    ]
    cell, x = cells[0].train(), torch.randn(2, 6, cells[0].input_size, generator=torch.Generator().manual_seed(0))
    plain = cell.eval()(x, ())[0]
    cell.train()
    dropped, _ = cell(x, ())
    first, between = cell(x[:, :2], ())
    torch.testing.assert_close(torch.cat([first, cell(x[:, 2:], between)[0]], 1), dropped)
    assert not torch.allclose(plain, dropped)
    for layer, drop in zip(cell.layers, cell.drop_connect, strict=True):
        masked = drop(layer.weight_hh)
        ratio = masked / layer.weight_hh
        assert {round(float(value), 3) for value in ratio.detach().flatten()} <= {0.0, 2.0}
        layer.weight_hh.data.copy_(masked.detach())
    torch.testing.assert_close(cell.eval()(x, ())[0], dropped)


# Windows of random lengths, adaptive softmax ---------------------------------------------------------------------


def test_windows_of_random_lengths_are_contiguous_and_of_the_papers_distribution(tmp_path: Path) -> None:
    task(tmp_path)
    (tmp_path / "train.txt").write_text(" ".join(f"w{n % 997}" for n in range(40_000)))
    tasks = [WordLM(seed, 2, text=str(tmp_path), seq_len=30, vary_len=True) for seed in (0, 1)]
    made, steps = tasks[0], tasks[0].steps_per_epoch
    lengths = torch.tensor([made.batch(step)["inputs"].shape[1] for step in range(steps)]).double()
    assert lengths.tolist() == [tasks[1].batch(step)["inputs"].shape[1] for step in range(steps)]
    assert (lengths.min() >= 5) & (lengths.max() <= 40)
    assert 0.01 < (lengths < 22).double().mean() < 0.1
    assert lengths[lengths >= 22].mean() == pytest.approx(30, abs=1)
    assert lengths[lengths >= 22].std() == pytest.approx(5, abs=0.7)
    for step in range(steps - 1):
        assert torch.equal(made.batch(step)["targets"][:, -1], made.batch(step + 1)["inputs"][:, 0])
    assert made.batch(steps)["inputs"].shape[0] == 2
    again = [made.batch(step)["inputs"].shape[1] for step in range(steps, 2 * steps)]
    assert sorted(again) == sorted(lengths.tolist())
    assert again != lengths.tolist()


def test_a_text_too_short_for_windows_of_random_lengths_is_refused(tmp_path: Path) -> None:
    """A stream has a window of 30 words, but not beside the shift of an epoch."""
    task(tmp_path)
    (tmp_path / "train.txt").write_text("one two " * 75)
    made = WordLM(0, 2, text=str(tmp_path), seq_len=30, vary_len=True)
    assert 30 < made.stream_len < 60
    with pytest.raises(ConfigError, match=r"each of 2 streams 55 words, less than one window of 30 and a shift"):
        made.batch(0)


def test_a_window_counts_by_its_length(tmp_path: Path) -> None:
    """A step in a short window counts as much as one in a long window; the paper scales the learning rate instead."""
    made = task(tmp_path, vary_len=True)
    model = model_of(made).train()
    batch = {name: values[:, :3] for name, values in made.batch(0).items()}
    loss, metrics, _ = made.loss(model, batch, ())
    torch.testing.assert_close(loss, metrics["loss"][0] / metrics["loss"][1] * 3 / 5)
    torch.testing.assert_close(made.loss(model.eval(), batch, ())[0], metrics["loss"][0] / metrics["loss"][1])


def test_the_adaptive_softmax_is_torchs() -> None:
    torch.manual_seed(0)
    head, reference = AdaptiveHead(16, 50, [5, 20]).double(), nn.AdaptiveLogSoftmaxWithLoss(16, 50, [5, 20]).double()
    reference.head.weight.data.copy_(head.first)
    for part, (narrow, rare) in enumerate(zip(head.narrow, head.rare, strict=True)):
        reference.tail[part][0].weight.data.copy_(narrow)  # type: ignore[index]
        reference.tail[part][1].weight.data.copy_(rare)  # type: ignore[index]
    h, targets = torch.randn(4, 9, 16, dtype=torch.float64), torch.randint(50, (4, 9))
    torch.testing.assert_close(head(h).flatten(0, 1), reference.log_prob(h.flatten(0, 1)))
    torch.testing.assert_close(head.total_loss(h, targets) / 36, reference(h.flatten(0, 1), targets.flatten()).loss)
    torch.testing.assert_close(head(h).exp().sum(-1), torch.ones(4, 9, dtype=torch.float64))


def test_cutoffs_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for cutoffs, said in (([3, 8], "below the 8 symbols"), ([4, 2], "numbers that rise"), ([], "numbers that rise")):
        with pytest.raises(ConfigError, match=said):
            model_of(task(tmp_path, cutoffs=cutoffs))
    with pytest.raises(ConfigError, match="cannot be tied"):
        model_of(task(tmp_path, cutoffs=[2], tie_weights=True))


# Training by the validation --------------------------------------------------------------------------------------


def trained(composed: Compose, folder: Path, *words: str, stop: int = 0) -> tuple[Any, list[dict[str, Any]]]:
    """The records and rows of two seeds in a stack; with `stop`, training is interrupted once after so many steps."""
    small = ("task.embedding_size=6", "task.seq_len=5", "task.sample_length=0", "cell.hidden_size=6", "train.warmup=0")
    short = ("train.batch_size=2", "train.steps=24", "train.eval_every=4", "train.log_every=4", "train.clip=null")
    runs = [
        run.prepare(composed("task=wordlm", f"task.text={folder}", *small, *short, *words, f"seed={seed}"))
        for seed in (0, 1)
    ]
    stores = [RunStore(folder / "out" / each.id) for each in runs]
    assert all(store.claim() for store in stores)
    pairs = list(zip(runs, stores, strict=True))
    if stop:
        with pytest.raises(Interrupted):
            run.execute(pairs, Stopping(stop), Stopping.request)
        Stopping.request.signum = 0
    records = run.execute(pairs, Observer(), StopRequest())
    for store in stores:
        store.release()
    return records, [store.rows() for store in stores]  # type: ignore[return-value]


class Stopping(Observer):
    """Asks to stop after a step."""

    request = StopRequest()

    def __init__(self, step: int):
        self.step = step

    def stepped(self, step: int) -> None:
        if step == self.step:
            self.request.signum = 2


PLATEAU = ("train.schedule=plateau", "train.decay=0.25", "optimizer=sgd")


@pytest.mark.parametrize("words", [PLATEAU, ("optimizer=ntasgd",)])
def test_rules_that_hear_the_validation_go_on_after_an_interruption(
    words: tuple[str, ...], composed: Compose, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    task(tmp_path / "a")
    task(tmp_path / "b")
    more = (*words, "optimizer.lr=8", *(("optimizer.nonmono=1",) if "ntasgd" in words[0] else ()))
    whole, rows = trained(composed, tmp_path / "a", *more)
    resumed, again = trained(composed, tmp_path / "b", *more, stop=14)
    assert [each.best for each in whole] == [each.best for each in resumed]
    plain = [[{k: v for k, v in row.items() if k not in TIMES} for row in each] for each in (*rows, *again)]
    assert plain[:2] == plain[2:]


def test_a_plateau_divides_the_rate_of_the_member_whose_loss_does_not_fall(composed: Compose, tmp_path: Path) -> None:
    task(tmp_path)
    _, rows = trained(composed, tmp_path, *PLATEAU, "optimizer.lr=8")
    decays = 0
    for own in rows:
        rate, lowest = 8.0, math.inf
        for row in own:
            if row["split"] == "train":
                assert row["lr"] == pytest.approx(rate)
            elif row["split"] == "val":
                rate, decays = (rate, decays) if row["loss"] < lowest else (rate / 4, decays + 1)
                lowest = min(lowest, row["loss"])
    assert decays


# A run ---------------------------------------------------------------------------------------------------------


def test_a_run_is_trained_and_sampled_from(composed: Compose, tmp_path: Path) -> None:
    task(tmp_path)
    small = (
        "task.embedding_size=6",
        "task.seq_len=5",
        "task.sample_length=5",
        "cell.hidden_size=6",
        "train.batch_size=2",
    )
    prepared = run.prepare(
        composed("task=wordlm", f"task.text={tmp_path}", *small, "train.steps=20", "train.eval_every=10")
    )
    store = RunStore(tmp_path / prepared.id)
    assert store.claim()
    (record,) = run.execute([(prepared, store)], Observer(), StopRequest())
    assert record.best["test/ppl"] == pytest.approx(math.exp(record.best["test/loss"]))
    assert len(record.summary["samples"][0]["text"].split()) <= 5
    saved, model = run.saved(store.path)
    assert isinstance(saved.task.vocab, WordVocab)  # type: ignore[attr-defined]
    text = written(saved.task, model, Options(prompt="the cat", temperature=1.0, length=6), store.path.name)
    assert text.startswith("the cat")
    assert "<unk>" not in text
    with pytest.raises(ConfigError, match="prompt: ' ' has no words"):
        written(saved.task, model, Options(prompt=" "), store.path.name)
