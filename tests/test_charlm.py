"""The data of charlm, worked through by hand, and its exact validation."""

import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from rnnsweep.cells.gru import GRU
from rnnsweep.data import corpora
from rnnsweep.errors import ConfigError
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.tasks.charlm import CharLM
from rnnsweep.vocab import UNKNOWN, Vocab


def task(text: Path | None = None, batch_size: int = 4, seed: int = 0, **options) -> CharLM:  # type: ignore[no-untyped-def]
    return CharLM(
        seed, batch_size, **{"text": str(text) if text else None, "seq_len": 8, "embedding_size": 6} | options
    )


def model_of(task: CharLM) -> ManyToMany:
    from rnnsweep.cells.gru import GRU
    from rnnsweep.pooling import Last

    torch.manual_seed(0)
    return task.build(lambda width: GRU(width, hidden_size=7), Last)


def test_worked_example(tmp_path: Path) -> None:
    """100 characters in a 90/5/5 split; the vocabulary is that of the first 90."""
    content = "abcde" * 18 + "abXde" + "ZbcdY"
    path = tmp_path / "t.txt"
    path.write_text(content)
    made = task(path, batch_size=2, seq_len=4)
    assert [len("".join(made.data.parts[split])) for split in ("train", "val", "test")] == [90, 5, 5]
    assert made.vocab.symbols == "abcde"
    (val,) = made.evaluation("val")
    assert val["inputs"].tolist() == [[1, 2, UNKNOWN, 4]]
    assert val["targets"].tolist() == [[2, UNKNOWN, 4, 5]]
    batch = made.batch(0)
    assert batch["inputs"].shape == batch["targets"].shape == (2, 4)
    assert torch.equal(batch["inputs"][:, 1:], batch["targets"][:, :-1])
    assert (batch["targets"] == batch["inputs"] % 5 + 1).all()


def test_the_embedded_text_is_pythons_own() -> None:
    made = task()
    assert corpora.load(None).source == "pydoc_data.topics"
    assert len(corpora.load(None).text) > 300_000
    assert len(made.data_hash) == 64


def test_prompts_that_the_text_cannot_begin_with_are_refused_before_anything_is_trained(text: Path) -> None:
    for prompt, said in (("", "'' has no characters"), ("milk\u00e9", "the vocabulary lacks '\u00e9'; it has '")):
        with pytest.raises(ConfigError, match=f"task.prompts: .*{said}"):
            task(text, prompts=["The ", prompt]).build(lambda size: GRU(size), lambda size: None)  # type: ignore[arg-type,return-value]


def test_streams_are_contiguous_and_carried(text: Path) -> None:
    made = task(text)
    for step in range(made.steps_per_epoch - 1):
        assert torch.equal(made.batch(step)["targets"][:, -1], made.batch(step + 1)["inputs"][:, 0])
    assert [made.begins(step) for step in (0, 1, made.steps_per_epoch)] == [True, False, True]
    first, again = made.batch(0)["inputs"], made.batch(made.steps_per_epoch)["inputs"]
    assert not torch.equal(first, again)  # the next epoch cuts elsewhere


def test_every_window_lies_in_the_text(text: Path) -> None:
    """Over three epochs every start is in range, for sizes that do not divide the text."""
    for batch_size, seq_len in ((1, 8), (7, 13), (32, 50)):
        made = task(text, batch_size=batch_size, seq_len=seq_len)
        starts = [made._starts(step) for step in range(3 * made.steps_per_epoch)]
        assert max(s.max().item() for s in starts) < len(made.train_windows)


def test_random_windows_depend_on_seed_and_step_only(text: Path) -> None:
    one, same, other = (task(text, carry_state=False, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.batch(5)["inputs"], same.batch(5)["inputs"])
    assert not torch.equal(one.batch(5)["inputs"], one.batch(6)["inputs"])
    assert not torch.equal(one.batch(5)["inputs"], other.batch(5)["inputs"])
    assert one.begins(3)


def mean_loss(made: CharLM, model: ManyToMany, split: str = "val") -> float:
    state, total, count = (), 0.0, 0.0
    with torch.no_grad():
        for batch in made.evaluation(split):  # type: ignore[arg-type]
            _, metrics, state = made.loss(model, batch, state)
            total, count = total + metrics["loss"][0].item(), count + metrics["loss"][1].item()
    return total / count


def test_validation_is_the_whole_stream_with_the_state_carried(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = task(text)
    model = model_of(made).eval()
    stream = made.vocab.encode("".join(made.data.parts["val"])).long()
    scores, _ = model(stream[None, :-1])
    wanted = F.cross_entropy(scores[0], stream[1:]).item()
    assert mean_loss(made, model) == pytest.approx(wanted, rel=1e-6)
    assert mean_loss(task(text, batch_size=32), model) == pytest.approx(wanted, rel=1e-6)
    monkeypatch.setattr("rnnsweep.tasks.language.EVALUATION_TOKENS", 100)
    assert mean_loss(made, model) == pytest.approx(wanted, rel=1e-5)


def test_sections_are_split_each(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("".join(chr(65 + i % 26) for i in range(1000)))
    made = task(path, sections=10, val_fraction=0.1, test_fraction=0.0)
    assert made.data.parts["val"][3] == corpora.load(str(path)).text[390:400]
    assert "".join(made.data.parts["train"])[90:180] == corpora.load(str(path)).text[100:190]
    assert list(made.evaluation("test")) == []
    (val,) = made.evaluation("val")
    assert val["inputs"].shape == (10, 9)


def test_sections_of_bytes_are_of_equal_size_wherever_letters_end(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(content := ("größe" * 30 + "plain" * 41).encode() + b"\xff")
    made = task(path, tokens="bytes", sections=3, val_fraction=0.2, test_fraction=0.2)
    sections = torch.cat([made.data.tokens[split] for split in ("train", "val", "test")], 1)
    size = len(content) // 3
    assert sections.shape == (3, size)
    numbers = [ord(symbol) for symbol in made.vocab.symbols]
    assert bytes(numbers[n - 1] if n else 255 for n in sections.flatten().tolist()) == content[: 3 * size]


def test_old_line_ends_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, content, told in (("old", b"one\rtwo\r", True), ("new", b"one\r\ntwo\r\n", False)):
        (tmp_path / name).write_bytes(content)
        corpora.load(str(tmp_path / name))
        assert ("its lines end at \\r, which is read as a character" in capsys.readouterr().err) is told


def test_metrics_follow_from_the_loss() -> None:
    derived = task().derive({"loss": math.log(8)})
    assert derived["ppl"] == pytest.approx(8)
    assert derived["bpc"] == pytest.approx(3)
    assert task().derive({"loss": 1e4})["ppl"] == math.inf


def test_tied_weights_score_against_the_embedding(text: Path) -> None:
    for size, extra in ((7, 0), (6, 6 * 7)):  # of the hidden size, and of another with a projection
        tied = model_of(task(text, tie_weights=True, embedding_size=size))
        plain = model_of(task(text, embedding_size=size))
        vocab = len(task(text).vocab)
        count = [sum(p.numel() for p in model.parameters()) for model in (tied, plain)]
        assert count[1] - count[0] == vocab * 7 - extra
        x = torch.ones(1, 3, dtype=torch.long)
        before = tied(x)[0]
        tied.embedding.weight.data[5] += 1.0
        changed = (tied(x)[0] - before).abs().amax((0, 1)) > 1e-6
        assert changed.nonzero().flatten().tolist() == [5]


def test_vocab_round_trip() -> None:
    vocab = Vocab("héllo wörld 🎉")
    assert vocab.decode(vocab.encode("hé🎉").tolist()) == "hé🎉"
    assert vocab.encode("hZ").tolist()[1] == UNKNOWN
    assert vocab.encode("").tolist() == []
    assert len(vocab) == len(set("héllo wörld 🎉")) + 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no file"),
        (b"", "empty"),
        (b" \n \n", "empty"),
        (b"caf\xe9 au lait", "not UTF-8 \\(byte 3 is 0xe9\\)"),
        (b"\x7fELF\0\0\0", "binary"),
    ],
)
def test_bad_text(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "t.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        corpora.load(str(path))
    with pytest.raises(ConfigError, match="directory"):
        corpora.load(str(tmp_path))


def test_line_ends_and_byte_order_mark_are_normalised(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\n")
    assert corpora.load(str(path)).text == "one\ntwo\n"


@pytest.mark.parametrize("options", [{"seq_len": 20_000}, {"batch_size": 5_000}, {"val_fraction": 0.9999}])
def test_too_little_text(text: Path, options: dict) -> None:
    with pytest.raises(ConfigError, match=r"longer text"):
        _ = task(text, **options).steps_per_epoch
