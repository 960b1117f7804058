"""Character language modelling: predict the next character of a real text."""

import dataclasses
import functools
import math
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep import rng
from rnnsweep.cells.base import CellFactory
from rnnsweep.data import corpora
from rnnsweep.errors import ConfigError
from rnnsweep.kernels.dense import mean_cross_entropy
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.pooling import PoolingFactory
from rnnsweep.tasks import chance, context, samples
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.types import (
    EXECUTION,
    LATER,
    Batch,
    Count,
    DropoutRate,
    Metric,
    Metrics,
    Natural,
    Rate,
    Showcase,
    Split,
    State,
)
from rnnsweep.vocab import Vocab

EVALUATION_TOKENS = 8192  # tokens of one evaluation batch: a matter of memory, not of the result


@dataclasses.dataclass(kw_only=True, eq=False)
class CharLM(AbstractTask):
    """Teacher-forced next-character prediction; loss in nats a character.

    The text is split contiguously into train, validation and test. The vocabulary is that of the training part.
    Validation is exact: the whole part in order, the state carried from its first character to its last.
    """

    metric: ClassVar[Metric] = Metric("loss", "nats", "min")

    text: Annotated[str | None, EXECUTION] = None
    """A text file; None: the reference text that comes with Python. A run is known by its content."""
    seq_len: Count = 64
    """Steps of a training window, and of truncated backpropagation through time."""
    carry_state: bool = True
    """Read `batch_size` contiguous streams and carry the state from window to window; else draw windows at random
    places and start each from the initial state."""
    val_fraction: Rate = 0.05
    """Share of the text for validation."""
    test_fraction: Rate = 0.05
    """Share of the text for the test."""
    sections: Count = 1
    """Cut the text into this many equal sections and split each (char-rnn: its batch size); 1: one split."""
    embedding_size: Count = 64
    """Features of an embedded character."""
    embedding_dropout: DropoutRate = 0.0
    """Share of the embedded features dropped in training."""
    output_dropout: DropoutRate = 0.0
    """Share of the cell's outputs dropped in training before the head."""
    tie_weights: bool = False
    """The head scores against the embedding's vectors."""
    prompts: list[str] | None = None
    """What samples begin with; None: four openings from the validation part."""
    sample_length: Natural = 300
    """Characters of a sample."""
    encoding: Annotated[str, LATER] = "utf-8"
    """The encoding of the file."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        loss, _ = chance.labelled(self.data.tokens["train"].flatten())
        entropy = loss.chance or 0.0
        return (
            loss,
            Metric("ppl", "", "min", math.exp(entropy)),
            Metric("bpc", "bits", "min", entropy / math.log(2)),
        )

    # The data ------------------------------------------------------------------------------------------------

    @functools.cached_property
    def data(self) -> corpora.SplitText:
        return corpora.split(self.text, self.sections, self.val_fraction, self.test_fraction, self.encoding)

    @property
    def data_hash(self) -> str:
        return corpora.load(self.text, self.encoding).sha256

    @property
    def source_hash(self) -> str:
        return self.data_hash

    @functools.cached_property
    def vocab(self) -> Vocab:
        return self.data.vocab

    @functools.cached_property
    def train_windows(self) -> Int[Tensor, "start window"]:
        """A view: the `seq_len + 1` characters from each place of the training part."""
        tokens = self.data.tokens["train"].flatten()
        if len(tokens) <= self.seq_len:
            problem = f"the training part has {len(tokens)} characters, too few for a window of {self.seq_len} + 1"
            problem = f"{problem}; shorten `task.seq_len` or use a longer text"
            raise ConfigError("task.seq_len", problem, ("task.text",))
        return tokens.unfold(0, self.seq_len + 1, 1)

    @property
    def stream_len(self) -> int:
        """Characters of one of the `batch_size` streams, less what the epochs' shifts need."""
        return len(self.train_windows) // self.batch_size

    @property
    def steps_per_epoch(self) -> int:
        steps = self.stream_len // self.seq_len
        if steps < 1:
            problem = f"the training part gives each of {self.batch_size} streams {self.stream_len} characters"
            hint = "shorten `task.seq_len`, lower `train.batch_size` or use a longer text"
            problem = f"{problem}, less than one window of {self.seq_len}; {hint}"
            raise ConfigError("task.seq_len", problem, ("train.batch_size", "task.text"))
        return steps

    def batch(self, step: int) -> Batch:
        windows = self.train_windows[self._starts(step)].long()  # (batch, time + 1)
        return {"inputs": windows[:, :-1], "targets": windows[:, 1:]}

    def _starts(self, step: int) -> Int[Tensor, "batch"]:
        if not self.carry_state:
            generator = rng.generator(self.seed, "data", step)
            return torch.randint(len(self.train_windows), (self.batch_size,), generator=generator)
        epoch, window = divmod(step, self.steps_per_epoch)
        # each epoch cuts the streams at other places, so that no character is always the first of a window
        shift = rng.key(self.seed, "data", epoch) % self.seq_len
        return torch.arange(self.batch_size) * self.stream_len + shift + window * self.seq_len

    def begins(self, step: int) -> bool:
        return not self.carry_state or step % self.steps_per_epoch == 0

    def evaluation(self, split: Split) -> Iterator[Batch]:
        sections = self.data.tokens[split]
        chunk = max(1, EVALUATION_TOKENS // len(sections))
        for start in range(0, sections.shape[1] - 1, chunk):
            window = sections[:, start : start + chunk + 1].long()
            yield {"inputs": window[:, :-1], "targets": window[:, 1:]}

    # The model -----------------------------------------------------------------------------------------------

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> ManyToMany:
        for prompt in self.prompts or ():
            problem = self.vocab.missing(prompt) if prompt else "a prompt has at least one character"
            if problem:
                raise ConfigError("task.prompts", problem)
        return ManyToMany(
            TokenEmbedding(len(self.vocab), self.embedding_size, self.embedding_dropout),
            cell,
            outputs=len(self.vocab),
            output_dropout=self.output_dropout,
            tie_weights=self.tie_weights,
        )

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, ""], Metrics, State]:
        scores, state = model(batch["inputs"], state)  # (batch, time, vocab)
        loss = mean_cross_entropy(scores, batch["targets"])
        count = torch.full((), float(batch["targets"].numel()), device=loss.device)
        return loss, {"loss": (loss.detach() * count, count)}, state

    def derive(self, means: dict[str, float]) -> dict[str, float]:
        loss = means["loss"]
        return means | {"ppl": math.exp(loss) if loss < 700 else math.inf, "bpc": loss / math.log(2)}

    # What a person sees --------------------------------------------------------------------------------------

    def showcase(self, model: nn.Module) -> Showcase:
        assert isinstance(model, ManyToMany)
        words = samples.words("".join(self.data.parts["train"]))
        generator = rng.generator(self.seed, "sampling")
        prompts = self.prompts or samples.openings(self.data.parts["val"][0])
        drawn = samples.draw(model, self.vocab, prompts, self.sample_length, generator)
        shown = samples.showcase(drawn, frozenset(words))
        reach = context.reach(model, self.data.tokens["val"])
        return Showcase(shown.data | ({"context": reach} if reach else {}), shown.page)

    def assets(self) -> dict[str, Any]:
        return {"vocabulary": self.vocab.symbols}

    def adopt(self, assets: dict[str, Any]) -> None:
        self.vocab = Vocab(assets["vocabulary"])
