"""Labelled texts from files, their splits, and what is refused; class weights, macro F1, generated names."""

from pathlib import Path

import pytest
import torch
from conftest import DATA

from rnnsweep import errors
from rnnsweep.api.writing import Options, written
from rnnsweep.cells.gru import GRU
from rnnsweep.data import labelled, languages, sentiment
from rnnsweep.data.bag import BagOfSymbols
from rnnsweep.data.ngrams import NaiveBayes
from rnnsweep.errors import ConfigError
from rnnsweep.pooling import Last
from rnnsweep.tasks.names_class import NamesClass
from rnnsweep.tasks.names_gen import NamesGen
from rnnsweep.tasks.sentiment_class import SentimentClass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "Ab.txt").write_text("anna\nabba\nalma\nadda\nava\nafra\n")
    (tmp_path / "Zu.txt").write_text("zuzu\nzora\nziri\nzenu\nzana\nalma\n")
    return tmp_path


def test_a_folder_and_a_table_hold_the_same(folder: Path, tmp_path: Path) -> None:
    pairs = labelled.load(str(folder)).pairs
    table = tmp_path / "names.csv"
    table.write_text("label,text\n" + "".join(f'{label},"{text}"\n' for text, label in pairs))
    assert labelled.load(str(table)).pairs == pairs
    assert pairs[0] == ("anna", "Ab")


def test_equal_texts_stay_together(folder: Path) -> None:
    for seed in range(20):
        parts = labelled.split(list(labelled.load(str(folder)).pairs), 0.2, 0.2, seed)
        assert sum("alma" in {text for text, _ in part} for part in parts.values()) == 1
        assert sum(map(len, parts.values())) == 12


def test_lines_are_divided_one_by_one_where_asked(folder: Path) -> None:
    pairs = [*labelled.load(str(folder)).pairs, *[("alma", "Ab")] * 60]
    parts = labelled.split(pairs, 0.2, 0.2, 0, "lines")
    assert [len(parts[split]) for split in ("train", "val", "test")] == [44, 14, 14]
    assert all("alma" in {text for text, _ in part} for part in parts.values())
    assert sorted(pair for part in parts.values() for pair in part) == sorted(pairs)


def test_parts_are_no_classes(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text("".join(f"{name} {n}\n" for n in range(20)))
    with pytest.raises(ConfigError, match=r"holds 'test.txt', 'train.txt', 'valid.txt', which would be its classes"):
        _ = NamesClass(0, 8, path=str(tmp_path)).data
    (tmp_path / "plane.txt").write_text("one\ntwo\n")  # a train beside a plane is a class
    labelled.load.cache_clear()
    assert NamesClass(0, 8, path=str(tmp_path)).classes == ["plane", "test", "train", "valid"]


def test_columns_and_rows_that_are_not_read_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{n},name{n},{'ab'[n % 2]},train\n" for n in range(40)]
    (tmp_path / "t.csv").write_text(",text,label,split\n" + "".join(rows) + "40,,a,test\n")
    errors.TOLD.clear()
    labelled.load(str(tmp_path / "t.csv"), missing="drop")
    told = capsys.readouterr().err
    assert "of its columns `text` and `label` are read, and not 'split'" in told
    assert "1 of 41 rows lacks a text or a label and is left out (task.missing=drop)" in told


@pytest.mark.parametrize(("task", "text"), [(NamesClass, "{n:030}"), (SentimentClass, "good {n} " + "so " * 40)])
def test_texts_that_are_not_read_whole_are_counted(
    task: type[NamesClass | SentimentClass], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{text.format(n=n) if n < 30 else n},{'ab'[n % 2]}\n" for n in range(100)]
    path.write_text("text,label\n" + "".join(rows))
    errors.TOLD.clear()
    _ = task(0, 4, path=str(path)).data
    length = task.max_len
    assert f"30 of 100 texts are cut to their first {length} symbols" in capsys.readouterr().err
    errors.TOLD.clear()
    _ = task(0, 4, path=str(path), max_len=60).data
    assert "are cut" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "said"),
    [(NamesGen, "11% of the characters in the test"), (SentimentClass, "50% of the words in the test")],
)
def test_symbols_that_training_never_sees_are_told(
    task: type[NamesGen | SentimentClass], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.csv").write_text("text,label\n" + "good day,a\nday good,a\nbad day,b\nday bad,b\n")
    (tmp_path / "test.csv").write_text("text,label\ngood dayé,a\n")
    _ = task(0, 2, path=str(tmp_path), val_fraction=0.25).data
    told = capsys.readouterr().err
    assert f"{said} part do not occur in the training part ('" in told
    assert told.count("unknown symbol") == 1


def test_a_class_that_training_never_sees_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    rows = [f"name{n},{'ab'[n % 2] if n < 100 else 'c'}\n" for n in range(102)]
    path.write_text("text,label\n" + "".join(rows))
    errors.TOLD.clear()
    task = NamesClass(0, 8, path=str(path), val_fraction=0.4, test_fraction=0.4)
    assert "c" not in {label for _, label in task.parts["train"]}
    assert "no text of 'c' came into the train part: no model can name them" in (told := capsys.readouterr().err)
    assert ("no text of 'c' came into the test part: its metrics say nothing of them" in told) is (
        "c" not in {label for _, label in task.parts["test"]}
    )


@pytest.mark.parametrize(("task", "long"), [(NamesClass, "a" * 21), (SentimentClass, "good " * 25)])
def test_new_texts_are_cut_aloud_and_empty_ones_refused(
    task: type[NamesClass | SentimentClass], long: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = task(0, 8)
    model = trained.build(lambda width: GRU(width, hidden_size=4), Last).eval()
    errors.TOLD.clear()
    assert len(trained.predict(model, [long, "a"])) == 2
    assert "longer texts are cut to their first" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="example 1 is an empty text"):
        trained.predict(model, ["a", ""])


def test_without_a_test_there_is_no_accuracy_on_it() -> None:
    task = NamesGen(0, 8, test_fraction=0.0, samples=3)
    model = task.build(lambda width: GRU(width, hidden_size=4), Last).eval()
    shown = task.summary(model)
    assert "controllability" in shown.metrics
    assert not {"classifier_accuracy", "classifier_balanced_accuracy"} & shown.metrics.keys()
    assert " | - | - | " in shown.page


def refusals() -> list[tuple[str, str, str]]:
    return [
        ("empty.txt", "", "the class `empty` is empty"),
        ("one.txt", "solo\n", "the class `one` has one text only"),
        ("twice.txt", "solo\nsolo\n", "the class `twice` has one text only"),
        ("latin.txt", "caf\udce9\nnoir\n", "is not UTF-8"),
    ]


@pytest.mark.parametrize(("name", "content", "said"), refusals())
def test_a_folder_is_refused_with_the_reason(folder: Path, name: str, content: str, said: str) -> None:
    (folder / name).write_bytes(content.encode("utf-8", "surrogateescape"))
    labelled.load.cache_clear()
    with pytest.raises(ConfigError, match=f"task.path: .*{said}"):
        labelled.load(str(folder))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,class\na,b\n", "has no column `label`; its first line names 'text', 'class'"),
        ("", "has no column `text`; its first line names nothing"),
        ("text,label\na,\n", "line 2 of .* lacks a text or a label"),
        ("text,label\na,x\nb,x\n", "there is one class only, `x`"),
        ("text,label\n", "has no rows"),
    ],
)
def test_a_table_is_refused_with_the_reason(tmp_path: Path, content: str, said: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(content)
    with pytest.raises(ConfigError, match=said):
        labelled.load(str(table))


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file or folder"):
        labelled.load(str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"holds no \.txt files"):
        labelled.load(str(tmp_path))


def test_made_up_names_are_of_unequal_classes_and_no_longer_than_asked() -> None:
    names = languages.names(1000, 9, 3)
    counts = {language: sum(label == language for _, label in names) for language in languages.LANGUAGES}
    assert counts == {name: round(1000 * language.share) for name, language in languages.LANGUAGES.items()}
    assert max(len(name) for name, _ in names) <= 9
    with pytest.raises(ConfigError, match=r"task.examples: .* has fewer than .* names of at most 2 characters"):
        languages.names(5_000, 2, 0)


def test_order_decides_an_opinion() -> None:
    """Logistic regression over a bag of words stays far below what the order would give it, and the record says so."""
    task = SentimentClass(0, 32, examples=3000)
    torch.manual_seed(0)
    shown = task.summary(task.build(lambda size: GRU(size, hidden_size=4), Last).eval())
    assert shown.metrics["bag_of_words"] < 0.62
    assert f"{shown.metrics['bag_of_words']:.4f} of the test" in shown.page
    assert sum(label == "positive" for _, label in sentiment.opinions(500, 1)) == 250


def test_a_bag_of_symbols_counts_them_and_is_fitted_to_the_optimum() -> None:
    rows, lengths = torch.tensor([[1, 1, 2], [1, 2, 2], [1, 2, 1], [2, 1, 2]]), torch.tensor([3, 3, 2, 2])
    labels = torch.tensor([0, 1, 0, 0])  # as bags: {1,1,2}, {1,2,2}, {1,2}, {1,2}
    bag = BagOfSymbols(rows, lengths, labels, 3, 2)
    assert bag.accuracy(rows, lengths, labels) == 1.0
    shares = bag.scores(rows, lengths).softmax(1)
    wanted = torch.nn.functional.one_hot(labels, 2)
    torch.testing.assert_close(shares.sum(0), wanted.sum(0).float(), atol=1e-3, rtol=0)  # the bias's gradient is 0
    counts = torch.tensor([[0, 2, 1], [0, 1, 2], [0, 1, 1], [0, 1, 1]]).float()
    gradient = counts.T @ (shares - wanted) / 4 + 2e-3 * bag.weights
    assert gradient.abs().max() < 1e-4


def test_balanced_weights_and_macro_f1_against_a_worked_example() -> None:
    task = NamesClass(0, 8, examples=300, class_weights="balanced")
    counts = torch.bincount(task.labels("train"))
    torch.testing.assert_close(task.weights * counts, torch.full((8,), counts.sum() / 8))
    two = NamesClass(0, 8, examples=300)
    two.classes = ["a", "b"]
    found, labels = torch.tensor([0, 0, 1, 1, 0]), torch.tensor([0, 1, 1, 1, 1])
    metrics = two._by_class(found, labels)
    means = two.derive({name: (total / count).item() for name, (total, count) in metrics.items()})
    # class a: precision 1/3, recall 1, F1 1/2; class b: precision 1, recall 2/4, F1 2/3
    assert means == pytest.approx({"macro_f1": (1 / 2 + 2 / 3) / 2, "balanced_accuracy": (1 + 1 / 2) / 2})


def test_class_weights_count_in_training_alone() -> None:
    """Else the validation losses of class_weights=none and balanced would mean two things."""
    tasks = [NamesClass(0, 64, examples=300, class_weights=weights) for weights in ("none", "balanced")]  # type: ignore[arg-type]
    torch.manual_seed(0)
    model = torch.nn.Linear(1, len(tasks[0].class_names))

    class Scores(torch.nn.Module):
        def forward(self, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            return model(inputs[:, :1].float())  # type: ignore[no-any-return]

    for training in (False, True):
        scorer = Scores().train(training)
        batches = [task.batch(0) if training else next(iter(task.evaluation("val"))) for task in tasks]
        (none, *_), (balanced, *_) = (task.loss(scorer, b, ()) for task, b in zip(tasks, batches, strict=True))
        assert torch.equal(none, balanced) is not training


def test_naive_bayes_tells_the_languages_apart() -> None:
    task = NamesGen(0, 32, examples=2000)
    judge = NaiveBayes(task.texts("train"), task.labels("train").tolist())
    recalls = judge.recalls(task.texts("test"), task.labels("test").tolist())
    assert sum(recalls.values()) / len(task.classes) > 0.85
    judge = NaiveBayes(["aa", "ab", "bb"], [0, 0, 1])
    assert judge.recalls(["aa", "bbb", "bb", "bb"], [0, 0, 1, 1]) == {0: 0.5, 1: 1.0}


def test_the_class_is_seen_at_the_first_step_or_at_every_one() -> None:
    from rnnsweep.cells.mlp_window import MLPWindow  # a window of one step remembers nothing

    for condition, seen in (("first_step", [True, False, False]), ("every_step", [True, True, True])):
        task = NamesGen(0, 4, examples=100, condition=condition)  # type: ignore[arg-type]
        torch.manual_seed(0)
        model = task.build(lambda size: MLPWindow(size, hidden_size=8, window=1), lambda size: None)  # type: ignore[arg-type,return-value]
        tokens = torch.tensor([[1, 2, 3]])
        scores = [model(tokens, torch.tensor([label]))[0] for label in (0, 1)]
        assert (scores[0] != scores[1]).any(2)[0].tolist() == seen


def test_names_of_a_class_are_written_or_refused() -> None:
    task = NamesGen(0, 4, examples=100)
    torch.manual_seed(0)
    model = task.build(lambda size: GRU(size, hidden_size=8), lambda size: None).eval()  # type: ignore[arg-type,return-value]
    options = Options(prompt="Sk", seed=1)
    lines = written(task, model, options, "run").splitlines()
    assert [line.split(": ")[0] for line in lines] == task.classes
    assert all(line.split(": ")[1].startswith("Sk") for line in lines)
    with pytest.raises(ConfigError, match=r"prompt: the vocabulary lacks '\u0161'; it has"):
        written(task, model, Options(prompt="S\u0161k"), "run")
    with pytest.raises(ConfigError, match=r"label: there is no class `Fynur`. Did you mean `Fynnur`?"):
        written(task, model, Options(label="Fynur"), "run")
    assert (task.seed, task.temperature) == (0, 1.0)  # the data come from the seed
    for unread in (Options(top_k=3), Options(length=5)):
        with pytest.raises(ConfigError, match=r"^(top_k|length): it does nothing here: names end by themselves"):
            written(task, model, unread, "run")


@pytest.mark.skipif(not (DATA / "names").is_dir(), reason="shared/data/names is not here")
def test_the_surnames_are_read_whole() -> None:
    task = NamesClass(0, 8, path=str(DATA / "names"))
    assert len(task.classes) == 18
    assert sum(len(part) for part in task.parts.values()) == 20_050
    majority = sum(label == "Russian" for part in task.parts.values() for _, label in part) / 20_050
    assert majority == pytest.approx(0.468, abs=5e-4)
