"""One sequence to another (Sutskever et al. 2014): an encoder, a bridge of states, a decoder with attention or none."""

import dataclasses

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rnnsweep.attention import AttentionKind, DecoderAttention
from rnnsweep.cells.base import AbstractCell, CellFactory
from rnnsweep.kernels.dense import Linear
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.encoder import Encoder
from rnnsweep.pooling import at_step, mask
from rnnsweep.types import State


@dataclasses.dataclass
class Memory:
    """The source as the decoder sees it: the encoder's output at each step, and which steps exist."""

    keys: Float[Tensor, "*batch source width"]
    exists: Bool[Tensor, "*batch source"]


@dataclasses.dataclass
class DecoderState:
    """The state of the decoder between two symbols: its cell's state and last output."""

    cell: State
    output: Float[Tensor, "*batch 1 hidden"]


class Bridge(nn.Module):
    """From the last states of the encoder to the first state of the decoder.

    Tensors of equal shape pass as they are; others go through a linear map each. The states of a bidirectional encoder
    are concatenated and mapped. (Bahdanau et al. 2015 map the backward cell's state only.) Where a linear map of a
    state is no valid state, the decoder starts from the forward cell's state.
    """

    def __init__(self, encoder: AbstractCell, decoder: AbstractCell):
        super().__init__()
        have = encoder.initial_state(torch.zeros(1, 1, encoder.input_size))
        want = decoder.initial_state(torch.zeros(1, 1, decoder.input_size))
        self.both = both = encoder.bidirectional and encoder.linear_state
        pairs = zip(have, want, strict=True)
        self.maps = nn.ModuleList(
            Linear(h.shape[-1] * (1 + both), w.shape[-1]) if both or h.shape != w.shape else nn.Identity()
            for h, w in pairs
        )

    def forward(self, states: tuple[State, ...]) -> State:
        leaves = zip(*(states if self.both else states[:1]), strict=True)  # of both cells, or of one
        return tuple(bridge(torch.cat(leaf, -1)) for bridge, leaf in zip(self.maps, leaves, strict=True))


class EncoderDecoder(nn.Module):
    """Scores over the next target symbol at every step, given the source and the target symbols before.

    Encoder and decoder are cells of one kind. With attention the head reads tanh(W [h; context])
    (Luong et al. 2015, eq. 5); Bahdanau's decoder reads the context beside the symbol, too.

    Args:
        source: embedding of the source's symbols.
        target: embedding of the target's symbols.
        cell: makes a cell from the width of its input.
        attention: the decoder's attention, or none.
        attention_size: features within an additive score.
        outputs: target symbols.
        shortest: the fewest steps that a padded source has.
    """

    def __init__(
        self,
        source: TokenEmbedding,
        target: TokenEmbedding,
        cell: CellFactory,
        *,
        attention: AttentionKind,
        attention_size: int,
        outputs: int,
        shortest: int,
    ):
        super().__init__()
        self.source, self.target, self.shortest = source, target, shortest
        self.encoder = Encoder(cell, source.weight.shape[1])
        width, hidden = self.encoder.width, self.encoder.cell.hidden_size
        looks = attention != "none"
        self.attention = DecoderAttention(attention, hidden, width, attention_size) if looks else None
        self.stepwise = self.attention is not None and self.attention.before
        self.decoder = cell(target.weight.shape[1] + (width if self.stepwise else 0))
        self.bridge = Bridge(self.encoder.cell, self.decoder)
        self.first = Linear(width, hidden) if self.stepwise else None
        self.combine = Linear(hidden + width, hidden) if looks else None
        self.head = Linear(hidden, outputs)

    def extra_repr(self) -> str:
        return f"shortest={self.shortest}"

    def encode(
        self, tokens: Int[Tensor, "*batch source"], lengths: Int[Tensor, "*batch"]
    ) -> tuple[Memory, DecoderState]:
        """Reads padded sources; returns what the decoder sees of them, and its first state."""
        keys, states = self.encoder.with_states(self.source(tokens), lengths, self.shortest)
        exists = mask(lengths, tokens.shape[-1])
        last = at_step(keys, lengths - 1).unsqueeze(-2)
        output = last[..., : self.decoder.hidden_size] if self.first is None else torch.tanh(self.first(last))
        return Memory(keys, exists), DecoderState(self.bridge(states), output)

    def decode(
        self, tokens: Int[Tensor, "*batch time"], memory: Memory, state: DecoderState
    ) -> tuple[Float[Tensor, "*batch time vocab"], DecoderState, Float[Tensor, "*batch time source"] | None]:
        """Reads symbols of the target.

        Args:
            tokens: the symbols.
            memory: the source, from `encode`.
            state: the decoder's state before them.

        Returns:
            The scores over the next symbol after each of them, the state after the last, and the attention weights.
        """
        if self.stepwise and tokens.shape[-1] > 1:
            return self._step_by_step(tokens, memory, state)
        x, weights = self.target(tokens), None
        if self.attention is not None and self.attention.before:
            context, weights = self.attention(state.output, memory.keys, memory.exists)
            x = torch.cat([x, context], -1)
        h, cell = self.decoder(x, state.cell)
        read = h
        if self.attention is not None and self.combine is not None:
            if not self.attention.before:
                context, weights = self.attention(h, memory.keys, memory.exists)
            read = torch.tanh(self.combine(torch.cat([h, context], -1)))
        return self.head(read), DecoderState(cell, h[..., -1:, :]), weights

    def _step_by_step(
        self, tokens: Tensor, memory: Memory, state: DecoderState
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        scores, weights = [], []
        for token in tokens.split(1, -1):
            score, state, weight = self.decode(token, memory, state)
            scores.append(score)
            weights.append(weight)
        return torch.cat(scores, -2), state, torch.cat([w for w in weights if w is not None], -2)

    def forward(
        self, source: Int[Tensor, "*batch source"], lengths: Int[Tensor, "*batch"], inputs: Int[Tensor, "*batch time"]
    ) -> Float[Tensor, "*batch time vocab"]:
        """Teacher-forced: each step reads the true symbol before it."""
        scores, _, _ = self.decode(inputs, *self.encode(source, lengths))
        return scores

    def mixed(
        self,
        source: Int[Tensor, "*batch source"],
        lengths: Int[Tensor, "*batch"],
        inputs: Int[Tensor, "*batch time"],
        coins: Bool[Tensor, "*batch time"],
    ) -> Float[Tensor, "*batch time vocab"]:
        """Scheduled sampling (Bengio et al. 2015): a step reads the true symbol where its coin is true.

        Else it reads the symbol to which the model gave the highest score.
        """
        memory, state = self.encode(source, lengths)
        own, scores = inputs[..., :1], []
        for true, coin in zip(inputs.split(1, -1), coins.split(1, -1), strict=True):
            score, state, _ = self.decode(torch.where(coin, true, own), memory, state)
            own = score.detach().argmax(-1)
            scores.append(score)
        return torch.cat(scores, -2)
