"""The mLSTM of xLSTM (Beck et al. 2024): a matrix for a memory, written with keys and read with queries."""

import dataclasses
import math
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.cells.base import LayeredCell, head_size
from rnnsweep.kernels.dense import Linear
from rnnsweep.types import Count, State

CHUNK = 64  # steps that are computed at once: the work in a chunk grows with its square, the number of programs falls


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class MLSTM(LayeredCell):
    """Beck et al. 2024, section 2.3, equations (19) to (27); for each head, of size d:

        q = W_q x + b_q      k = (W_k x + b_k) / √d      v = W_v x + b_v      o = σ(W_o x + b_o)
        i = exp(i~), f = σ(f~) or exp(f~), numbers, each ~ = w x + b
        C' = f C + i v kᵀ      n' = f n + i k      h' = o (C' q) / max(|n'ᵀ q|, 1)

    C and n are kept as multiples of e^m, so that no factor is above 1: m' = max(log f + m, log i, 0), where the paper's
    m has no 0. The output is the same whatever m is; with the 0 the bound e^-m that then stands for the 1 cannot
    overflow either. Nothing depends on the last output, so a chunk of steps is computed at once, as attention within
    the chunk (their appendix A.3) and one reading of the memory before it; step by step it is the same recurrence.
    The cell alone, without the blocks (convolution, group norm, up-projection) that the paper builds around it.
    Parameters a layer: (4 hidden + 2 heads) * (in + 1). State: hidden * (d + 1) + heads (C, n, m). Parallel over time.
    """

    divisor: ClassVar[str | None] = "heads"
    linear_state: ClassVar[bool] = False

    heads: Count = 1
    """Memories of a layer, each of hidden_size / heads squared numbers."""
    forget_gate: Literal["sigmoid", "exponential"] = "sigmoid"
    """The paper allows both."""
    forget_bias: float | None = 3.0
    """Initial bias of the first head's forget gate; the last head's is twice that, as the authors' 3 to 6. None
    leaves them uniform."""

    def __post_init__(self) -> None:
        self.head_size = head_size(self.hidden_size, self.heads)
        super().__post_init__()

    @property
    def leaves(self) -> int:
        return 3

    def make_layer(self, input_size: int) -> Linear:
        """All of a step's projections as one matrix: q, k, v, o, then the heads' i and f."""
        layer = Linear(input_size, 4 * self.hidden_size + 2 * self.heads)
        if self.forget_bias is not None:
            with torch.no_grad():
                layer.bias[-self.heads :] = torch.linspace(self.forget_bias, 2 * self.forget_bias, self.heads)
        return layer

    def layer_state(self, layer: nn.Module, x: Float[Tensor, "*batch time in"]) -> State:
        batch, heads, size = x.shape[0], self.heads, self.head_size
        return x.new_zeros(batch, heads, size, size), x.new_zeros(batch, heads, size), x.new_zeros(batch, heads)

    def run_layer(
        self, layer: nn.Module, x: Float[Tensor, "*batch time features"], state: State
    ) -> tuple[Float[Tensor, "*batch time hidden"], State]:
        wide, narrow = layer(x).split((4 * self.hidden_size, 2 * self.heads), -1)
        wide = wide.unflatten(-1, (4, self.heads, self.head_size)).transpose(1, 3)  # (batch, head, 4, time, size)
        q, k, v, o = wide.unbind(2)
        i, f = narrow.unflatten(-1, (2, self.heads)).permute(2, 0, 3, 1).unbind()  # (batch, head, time) each
        log_f = F.logsigmoid(f) if self.forget_gate == "sigmoid" else f
        parts = [part.split(CHUNK, 2) for part in (q, k / math.sqrt(self.head_size), v, i, log_f)]
        outputs = []
        for queries, keys, values, write, keep in zip(*parts, strict=True):
            y, state = attend(queries, keys, values, write, keep, state)
            outputs.append(y)
        h = torch.sigmoid(o) * torch.cat(outputs, 2)  # (batch, head, time, size)
        return h.transpose(1, 2).flatten(2), state


def attend(
    q: Float[Tensor, "*batch head time size"],
    k: Float[Tensor, "*batch head time size"],
    v: Float[Tensor, "*batch head time size"],
    log_i: Float[Tensor, "*batch head time"],
    log_f: Float[Tensor, "*batch head time"],
    state: State,
) -> tuple[Float[Tensor, "*batch head time size"], State]:
    """What the queries read at each step of a chunk, and the memory after it."""
    memory, normaliser, m = state
    decay = log_f.cumsum(2)  # how far the memory before the chunk has been forgotten
    later = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool, device=q.device).triu(1)
    lag = decay[..., :, None] - decay[..., None, :]  # (batch, head, reading step, writing step)
    # every step's stabiliser at once: m' = max(log f + m, log i, 0), unrolled
    highest = (lag + F.relu(log_i)[..., None, :]).masked_fill(later, -math.inf).amax(3)
    m_now = torch.maximum(highest, decay + m[..., None])
    past = torch.exp(decay + m[..., None] - m_now)[..., None]
    written = (lag + log_i[..., None, :]).masked_fill(later, -math.inf) - m_now[..., None]
    scores = q @ k.mT * torch.exp(written)
    found = scores @ v + past * (q @ memory.mT)
    size = scores.sum(3, keepdim=True) + past * (q @ normaliser[..., None])
    y = found / torch.maximum(size.abs(), torch.exp(-m_now)[..., None])
    # the last step's row says what each step of the chunk leaves behind
    share, left = torch.exp(written[..., -1, :])[..., None], past[..., -1, :]
    memory = left[..., None] * memory + (share * v).mT @ k
    return y, (memory, left * normaliser + (share * k).sum(2), m_now[..., -1])
