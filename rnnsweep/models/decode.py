"""Generation, one step at a time: of symbols by sampling or by beam search, of numbers from a sliding window."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep.models.encoder_decoder import DecoderState, EncoderDecoder, Memory
from rnnsweep.types import State
from rnnsweep.vocab import UNKNOWN


@runtime_checkable
class Writer(Protocol):
    """A model that gives scores over the next symbol at every step, and the state after the last."""

    def __call__(self, tokens: Tensor, state: State = ..., /) -> tuple[Tensor, State]: ...


def free_running(
    model: nn.Module, window: Float[Tensor, "*batch time in"], lengths: Int[Tensor, "*batch"], steps: int
) -> Float[Tensor, "*batch {steps} in"]:
    """The next steps of each series. Each answer is read as the last step of the next window, whose first step goes.

    Args:
        model: gives the step after a window.
        window: what is known.
        lengths: of the windows.
        steps: to answer.
    """
    answers = [model(window, lengths)]
    for _ in range(steps - 1):
        window = torch.cat([window[..., 1:, :], answers[-1].unsqueeze(-2)], -2)
        answers.append(model(window, lengths))
    return torch.stack(answers, -2)


@torch.no_grad()
def generate(
    writer: Writer,
    prompts: Int[Tensor, "batch time"],
    length: int,
    temperature: Float[Tensor, "batch"],
    top_k: Int[Tensor, "batch"],
    generator: torch.Generator,
) -> Int[Tensor, "batch length"]:
    """Samples symbols from softmax(scores / temperature) over the `top_k` best. The unknown symbol is never drawn.

    Args:
        writer: the model.
        prompts: the symbols that it reads first.
        length: symbols to draw.
        temperature: of each row; 0 takes the best symbol.
        top_k: of each row; 0 admits all symbols.
        generator: of the random numbers.

    Returns:
        The symbols after each prompt.
    """
    scores, state = writer(prompts)
    drawn = []
    for _ in range(length):
        shares = _shares(scores[:, -1].float(), temperature, top_k).cpu()
        symbol = torch.multinomial(shares, 1, generator=generator).to(prompts.device)
        drawn.append(symbol)
        scores, state = writer(symbol, state)
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


@torch.no_grad()
def beam(  # half of its lines are the arguments and their description
    model: EncoderDecoder,
    source: Int[Tensor, "batch source"],
    lengths: Int[Tensor, "batch"],
    boundary: int,
    max_len: int,
    size: int,
    length_penalty: float,
) -> tuple[Int[Tensor, "batch {max_len}"], Float[Tensor, "batch"]]:
    """Beam search. A beam of 1 is greedy decoding.

    The score of a target is log p / ((5 + length) / 6)^length_penalty; the length includes the end (Wu et al. 2016,
    eq. 14).

    Args:
        model: the encoder-decoder.
        source: padded sources.
        lengths: the symbols of each.
        boundary: the symbol that begins and ends a target.
        max_len: the most symbols of a target.
        size: targets that are kept at each step.
        length_penalty: the exponent; 0 prefers short targets.

    Returns:
        The best target found for each source, padded by `boundary`, and its score.
    """
    memory, state = model.encode(source, lengths)
    batch, rows = len(source), torch.arange(len(source), device=source.device).repeat_interleave(size)
    memory, state = Memory(memory.keys[rows], memory.exists[rows]), _chosen(state, rows)
    best = torch.full((batch, size), -torch.inf, device=source.device)
    best[:, 0] = 0.0  # all beams begin alike, so only one may continue
    ended, steps = torch.zeros_like(best, dtype=torch.bool), torch.zeros_like(best)
    token, texts = torch.full((batch * size, 1), boundary, device=source.device), source.new_zeros(batch, size, 0)
    for _ in range(max_len):
        scores, state, _ = model.decode(token, memory, state)
        logs = scores[:, 0].float().log_softmax(1).view(batch, size, -1)
        only_end = torch.full_like(logs, -torch.inf).index_fill(2, torch.tensor([boundary], device=logs.device), 0.0)
        total = best[:, :, None] + torch.where(ended[:, :, None], only_end, logs)
        length = torch.where(ended, steps, steps + 1)
        ranked = total / ((5 + length[:, :, None]) / 6) ** length_penalty
        chosen = ranked.flatten(1).topk(size, 1).indices  # (batch, size)
        parent, symbol = chosen // logs.shape[2], chosen % logs.shape[2]
        best, steps = total.flatten(1).gather(1, chosen), length.gather(1, parent)
        ended = ended.gather(1, parent) | (symbol == boundary)
        texts = torch.cat([texts.gather(1, parent[:, :, None].expand(-1, -1, texts.shape[2])), symbol[:, :, None]], 2)
        state = _chosen(state, (parent + torch.arange(batch, device=parent.device)[:, None] * size).flatten())
        token = symbol.view(-1, 1)
        if ended.all():
            break
    found = torch.full((batch, max_len), boundary, device=source.device)
    found[:, : texts.shape[2]] = texts[:, 0]
    return found, best[:, 0] / ((5 + steps[:, 0]) / 6) ** length_penalty


def _chosen(state: DecoderState, rows: Int[Tensor, "row"]) -> DecoderState:
    return DecoderState(tuple(leaf[rows] for leaf in state.cell), state.output[rows])
