"""How far context reaches: against losses computed one window at a time, and on a text where the answer is known."""

import torch
from torch import nn
from torch.nn import functional as F

from rnnsweep.tasks import context


class Order(nn.Module):
    """Predicts the symbol that stood `lag` before the one to come; knows nothing of what was before its window."""

    def __init__(self, vocab: int, lag: int):
        super().__init__()
        self.vocab, self.lag = vocab, lag
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(
        self, x: torch.Tensor, state: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        seen = F.pad(x, (self.lag - 1, 0), value=-1)[:, : x.shape[1]]  # at step t the symbol t - lag + 1
        known = F.one_hot(seen.clamp(min=0), self.vocab).float() * 20
        return torch.where(seen[..., None] >= 0, known, torch.zeros(())), state


def test_a_periodic_text_needs_its_period() -> None:
    period, vocab = 40, 40
    tokens = torch.arange(2000)[None] % period
    found = context.reach(Order(vocab, period), tokens)
    losses = {point["length"]: point["loss"] for point in found["by_context"]}
    chance = torch.tensor(float(vocab)).log().item()
    assert found["final"] == 16
    assert losses[64] < 1e-3
    assert losses[128] < 1e-3
    # of the 16 last tokens after 32 characters, those whose symbol stands in the window are known
    known = 32 + 16 - (period - 1)
    assert abs(losses[32] - chance * (16 - known) / 16) < 1e-3
    assert abs(losses[8] - chance) < 1e-3
    ends = [point["to"] for point in found["by_position"]]
    assert ends == sorted(ends)
    assert ends[-1] == 256 + 16
    assert abs(found["by_position"][0]["loss"] - chance) < 1e-3
    assert found["by_position"][-1]["loss"] < 1e-3


def test_each_length_predicts_the_same_tokens() -> None:
    torch.manual_seed(0)
    model = Order(5, 2)
    tokens = torch.randint(5, (1, 60))
    found = context.reach(model, tokens)
    (eight, sixteen, thirty_two) = found["by_context"]
    assert (eight["length"], sixteen["length"], thirty_two["length"]) == (8, 16, 32)
    assert abs(eight["loss"] - thirty_two["loss"]) < 1e-6  # a lag of two is within each of them
    assert found["windows"] == 60 - 48


def test_a_text_too_short_has_no_reach() -> None:
    assert context.reach(Order(5, 2), torch.zeros(1, 20, dtype=torch.long)) == {}
