"""Word-level language modelling: predict the next word of a real text, as in Mikolov et al. 2010."""

import dataclasses
import functools
import math
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnsweep import rng
from rnnsweep.cells.base import CellFactory
from rnnsweep.data import corpora
from rnnsweep.data.wordlists import Limits
from rnnsweep.errors import ConfigError
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.pooling import PoolingFactory
from rnnsweep.tasks.language import LanguageModel
from rnnsweep.types import Batch, Count, DropoutRate, Metric, Metrics, Positive, State
from rnnsweep.vocab import WordVocab

SPREAD, HALVED = 5, 0.05  # of random lengths: their standard deviation, and the share around half of seq_len
OPENING = 3  # words of a line that a sample begins with


@dataclasses.dataclass(kw_only=True, eq=False)
class WordLM(LanguageModel):
    """Teacher-forced prediction of the next word; loss in nats a word, `ppl` is the perplexity per word.

    A word is what stands between blanks; a line ends with the word `<eos>`. Words that the text marks as `<unk>`, rare
    ones by `min_count` and `max_words`, and words of other parts that the training part lacks are the one word `<unk>`,
    which is predicted as any other.
    """

    opening: ClassVar[str] = "The"

    min_count: Count = 1
    """Words that occur less often in the training part are `<unk>`."""
    max_words: Count | None = None
    """So many of the most frequent words are kept, the others are `<unk>`; None: all."""
    vary_len: bool = False
    """Windows of random lengths, normal with a standard deviation of 5 around `seq_len`, one in twenty around half of
    it (Merity et al. 2018, section 5.1). The lengths are the same in every run and come in a new order in each epoch.
    The training loss of a window is multiplied by its length / `seq_len`; Merity et al. multiply the learning rate by
    it. For plain gradient descent the two are the same, but not with clipping: here the gradient is clipped after it
    is scaled, there before. They also differ with weight decay, momentum or Adam."""
    word_dropout: DropoutRate = 0.0
    """Share of the vocabulary's words whose vectors are dropped in training, wherever they stand in a batch."""
    variational: bool = False
    """Dropout of embedded features and of outputs drops the same features at all steps of a window."""
    cutoffs: list[Count] | None = None
    """Adaptive softmax (Grave et al. 2017): the numbers of the most frequent words at which the vocabulary is cut, as
    in [2000, 10000]. The rarer a part, the fewer features tell its words apart. None: a full softmax."""
    init_range: Positive | None = 0.1
    """Embedding and head start uniform in ± this, the head's biases at 0; None: as `charlm`'s do."""

    @functools.cached_property
    def data(self) -> corpora.SplitText:
        return self.cut_into_parts(1, Limits(self.min_count, self.max_words))

    # Windows of random lengths --------------------------------------------------------------------------------

    @property
    def longest(self) -> int:
        return self.seq_len + 2 * SPREAD if self.vary_len else self.seq_len

    @functools.cached_property
    def _lengths(self) -> list[int]:
        """The random lengths of an epoch's windows, before they are put into the epoch's order."""
        # an epoch's shift, below seq_len, must fit, too
        left, generator, lengths = self.stream_len - self.seq_len, rng.generator(0, "data", "lengths"), list[int]()
        while True:
            half, normal = torch.rand(1, generator=generator).item(), torch.randn(1, generator=generator).item()
            length = round(self.seq_len * (0.5 if half < HALVED else 1.0) + SPREAD * normal)
            length = min(max(length, min(SPREAD, self.seq_len)), self.longest)
            if length > left:
                return lengths
            lengths.append(length)
            left -= length

    @property
    def stream_windows(self) -> int:
        return len(self._lengths) if self.vary_len else super().stream_windows

    @property
    def least(self) -> str:
        return f"{super().least} and a shift by up to as many" if self.vary_len else super().least

    def cut(self, epoch: int, window: int) -> tuple[int, int]:
        if not self.vary_len:
            return super().cut(epoch, window)
        if epoch not in self._order:
            self._order.clear()
            mixed = torch.randperm(len(self._lengths), generator=rng.generator(0, "data", "lengths", epoch))
            lengths = torch.tensor(self._lengths)[mixed]
            self._order[epoch] = list(zip((lengths.cumsum(0) - lengths).tolist(), lengths.tolist(), strict=True))
        return self._order[epoch][window]

    @functools.cached_property
    def _order(self) -> dict[int, list[tuple[int, int]]]:
        """Where each window of the newest epoch begins, and how many steps it has."""
        return {}

    # The model -----------------------------------------------------------------------------------------------

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> ManyToMany:
        self.check_prompts()
        symbols, over_time = len(self.vocab), self.variational
        model = ManyToMany(
            TokenEmbedding(symbols, self.embedding_size, self.embedding_dropout, over_time, self.word_dropout),
            cell,
            outputs=symbols,
            output_dropout=self.output_dropout,
            tie_weights=self.tie_weights,
            over_time=over_time,
            cutoffs=self._checked_cutoffs(symbols),
        )
        if self.init_range is not None:
            self._start(model, self.init_range)
        return model

    def _checked_cutoffs(self, symbols: int) -> list[int] | None:
        """The cutoffs.

        Raises:
            ConfigError: they do not rise within the vocabulary, or the weights are tied.
        """
        if self.cutoffs is None:
            return None
        if self.tie_weights:
            problem = "an adaptive softmax has no vector for each word, so it cannot be tied"
            raise ConfigError(
                "task.cutoffs", f"{problem}; use null, or `task.tie_weights=false`", ("task.tie_weights",)
            )
        if not self.cutoffs or self.cutoffs != sorted({*self.cutoffs}) or self.cutoffs[-1] >= symbols:
            problem = f"expected numbers that rise and lie below the {symbols:,} symbols of the vocabulary"
            raise ConfigError("task.cutoffs", f"{problem}, got {self.cutoffs}", ("task.max_words",))
        return self.cutoffs

    @staticmethod
    def _start(model: ManyToMany, bound: float) -> None:
        for module in (model.embedding, model.head):
            for name, parameter in module.named_parameters():
                nn.init.zeros_(parameter) if name == "bias" else nn.init.uniform_(parameter, -bound, bound)

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, "*member"], Metrics, State]:
        assert isinstance(model, ManyToMany)
        total, state = model.total_loss(batch["inputs"], batch["targets"], state)
        count = torch.full_like(total, math.prod(batch["targets"].shape[-2:]))
        counts = batch["inputs"].shape[-1] / self.seq_len if model.training else 1.0
        return total / count * counts, {"loss": (total.detach(), count)}, state

    @property
    def metrics(self) -> tuple[Metric, ...]:
        loss, ppl = super().metrics
        return loss, dataclasses.replace(ppl, unit="per word")

    def openings(self) -> list[str]:
        """The first words of four lines of the validation part, all of them known."""
        lines = [line.split()[:OPENING] for line in self.data.parts["val"][0].split("\n")]
        whole = [" ".join(line) for line in lines if len(line) == OPENING]
        known = [line for line in whole if not self.vocab.unknown(line)]
        return (
            [known[i * len(known) // 4] for i in range(4)] if len(known) >= 4 else [self.vocab.decode([1]).strip(" ")]
        )

    def assets(self) -> dict[str, Any]:
        return {"vocabulary": list(self.vocab.symbols)}

    def adopt(self, assets: dict[str, Any]) -> None:
        self.vocab = WordVocab(assets["vocabulary"])
