"""Generation and the measures of samples."""

from pathlib import Path

import pytest
import torch
from conftest import Compose, cells

from rnnsweep import run
from rnnsweep.models.decode import _shares, generate
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.tasks import samples
from rnnsweep.tasks.samples import Sample
from rnnsweep.vocab import UNKNOWN


@pytest.fixture(params=cells(everyday=2))
def model(request: pytest.FixtureRequest, composed: Compose, text: Path) -> ManyToMany:
    prepared = run.prepare(composed(f"cell={request.param}", f"task.text={text}", "cell.hidden_size=9"))
    made = run.make_model(prepared.config, prepared.classes, prepared.task)
    assert isinstance(made, ManyToMany)
    return made.eval()


def test_greedy_takes_the_best_symbol_of_the_whole_history(model: ManyToMany) -> None:
    """Step by step with the state carried equals reading the whole text anew for each character."""
    text = torch.tensor([[3, 5, 2]])
    got = generate(model, text, 6, torch.zeros(1), torch.zeros(1, dtype=torch.long), torch.Generator())
    for _ in range(6):
        scores = model(text)[0][:, -1]
        scores[:, UNKNOWN] = -torch.inf
        text = torch.cat([text, scores.argmax(1, keepdim=True)], 1)
    assert got.tolist() == text[:, 3:].tolist()


def test_shares_are_the_softmax_over_the_top_k() -> None:
    scores = torch.tensor([[9.0, 1.0, 3.0, 2.0]]).expand(3, -1)
    got = _shares(scores, torch.tensor([1.0, 2.0, 1.0]), torch.tensor([0, 0, 2]))
    torch.testing.assert_close(got[0], torch.tensor([0, *torch.tensor([1.0, 3.0, 2.0]).softmax(0)]))
    torch.testing.assert_close(got[1], torch.tensor([0, *torch.tensor([0.5, 1.5, 1.0]).softmax(0)]))
    torch.testing.assert_close(got[2], torch.tensor([0, 0, *torch.tensor([3.0, 2.0]).softmax(0)]))


def test_draws_follow_the_shares(model: ManyToMany) -> None:
    prompt = torch.tensor([[1, 2]]).expand(4000, -1)
    generator = torch.Generator().manual_seed(0)
    drawn = generate(model, prompt, 1, torch.full((4000,), 0.7), torch.zeros(4000, dtype=torch.long), generator)
    scores = model(prompt[:1])[0][0, -1]
    scores[UNKNOWN] = -torch.inf
    wanted = (scores / 0.7).softmax(0)
    got = torch.bincount(drawn[:, 0], minlength=len(wanted)) / 4000
    assert (got - wanted).abs().max() < 5 * (0.25 / 4000) ** 0.5
    assert got[UNKNOWN] == 0


def test_measures_of_known_texts() -> None:
    tokens = samples.words("the cat and the cat, and THE dog")
    assert samples.distinct(tokens, 1) == 4 / 8
    assert samples.distinct(tokens, 2) == 4 / 7  # the-cat, cat-and, and-the, the-dog
    assert samples.known_share(tokens, {"the", "cat"}) == 5 / 8
    assert samples.distinct([], 1) == samples.known_share([], {"a"}) == 0


def test_the_page_keeps_what_a_model_writes_as_text() -> None:
    shown = samples.summary([Sample("a`b", 0.5, 0, "# title\n</pre>\n```\n| x |")], {"title"})
    for line in ("# title", "</pre>", "```", "| x |"):
        assert line not in shown.page.splitlines()
    assert "    </pre>" in shown.page.splitlines()
    assert shown.data["samples"][0]["text"].startswith("# title")


def test_openings_come_from_the_text() -> None:
    text = "\n".join(f"line number {i} of the text" for i in range(100))
    assert samples.openings(text) == [f"line number {i} of the text"[:16] for i in (0, 25, 50, 75)]
    assert samples.openings("short\n") == ["s"]
