"""Sampling from a trained language model, one symbol at a time."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.vocab import UNKNOWN


@torch.no_grad()
def generate(
    model: ManyToMany,
    prompts: Int[Tensor, "batch time"],
    length: int,
    temperature: Float[Tensor, "batch"],
    top_k: Int[Tensor, "batch"],
    generator: torch.Generator,
) -> Int[Tensor, "batch length"]:
    """`length` symbols after each prompt, drawn from softmax(scores / temperature) over the `top_k` best.

    A temperature of 0 takes the best symbol, a `top_k` of 0 admits all. The unknown symbol is never drawn.
    """
    model.eval()
    scores, state = model(prompts)
    drawn = []
    for _ in range(length):
        shares = _shares(scores[:, -1].float(), temperature, top_k).cpu()
        symbol = torch.multinomial(shares, 1, generator=generator).to(prompts.device)
        drawn.append(symbol)
        scores, state = model(symbol, state)
    return torch.cat(drawn, 1) if drawn else prompts[:, :0]


def _shares(
    scores: Float[Tensor, "batch vocab"], temperature: Float[Tensor, "batch"], top_k: Int[Tensor, "batch"]
) -> Float[Tensor, "batch vocab"]:
    scores = scores.index_fill(1, torch.tensor([UNKNOWN], device=scores.device), -torch.inf)
    ranked = scores.sort(1, descending=True).values
    last = torch.where(top_k > 0, top_k, scores.shape[1]).clamp(max=scores.shape[1]) - 1
    scores = torch.where(scores < ranked.gather(1, last[:, None]), -torch.inf, scores)
    scaled = (scores - ranked[:, :1]) / temperature.clamp(min=1e-6)[:, None]  # the best scores 0: no overflow
    return scaled.softmax(1)
