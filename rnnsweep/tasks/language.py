"""Language modelling: predict the next symbol of a real text; what characters and words share."""

import abc
import dataclasses
import functools
import math
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnsweep import rng
from rnnsweep.data import corpora
from rnnsweep.errors import ConfigError
from rnnsweep.kernels.dense import mean_cross_entropy
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.tasks import chance, context, new_data, own_parts, repeats, samples
from rnnsweep.tasks.base import AbstractTask
from rnnsweep.tasks.repeats import Digests
from rnnsweep.tasks.resident import resident
from rnnsweep.types import (
    EXECUTION,
    FROM_FILES,
    LATER,
    Batch,
    Count,
    DropoutRate,
    Metric,
    Metrics,
    Natural,
    Rate,
    Split,
    State,
    Summary,
)
from rnnsweep.vocab import Vocabulary

EVALUATION_TOKENS = 8192  # tokens of one evaluation batch: a matter of memory, not of the result
REPEATED = 50  # symbols of the passages that `task.check` compares


@dataclasses.dataclass(kw_only=True, eq=False)
class LanguageModel(AbstractTask):
    """Teacher-forced prediction of the next symbol; loss in nats a symbol.

    The parts of the text are files, or its beginning, middle and end. The vocabulary is that of the training part.
    Validation is exact: the whole part in order, the state carried from its first symbol to its last.
    """

    metric: ClassVar[Metric] = Metric("loss", "nats", "min")
    checked_unit: ClassVar[str] = f"passages of {REPEATED} symbols"
    opening: ClassVar[str] = "The "
    """What `rnnsweep.sample` begins with where nothing is asked for."""

    text: Annotated[str | None, EXECUTION] = None
    """A text file, or a folder with a file for each part, such as `train.txt`, `valid.txt` and `test.txt`; None: the
    reference text that comes with Python. A run is known by its content."""
    val_text: Annotated[str | None, EXECUTION] = None
    """A text file for the validation; None: the folder's, or the share `val_fraction` of the training text."""
    test_text: Annotated[str | None, EXECUTION] = None
    """A text file for the test; None: the folder's, or the share `test_fraction` of the training text."""
    seq_len: Count = 64
    """Steps of a training window, and of truncated backpropagation through time."""
    carry_state: bool = True
    """Read `batch_size` contiguous streams and carry the state from window to window; else draw windows at random
    places and start each from the initial state."""
    val_fraction: Rate = 0.05
    """Share of the text for validation, where it has no file."""
    test_fraction: Rate = 0.05
    """Share of the text for the test, where it has no file."""
    embedding_size: Count = 64
    """Features of an embedded symbol."""
    embedding_dropout: DropoutRate = 0.0
    """Share of the embedded features dropped in training."""
    output_dropout: DropoutRate = 0.0
    """Share of the cell's outputs dropped in training before the head."""
    tie_weights: bool = False
    """The head scores against the embedding's vectors."""
    prompts: list[str] | None = None
    """What samples begin with; None: four openings from the validation part."""
    sample_length: Natural = 300
    """Symbols of a sample."""
    encoding: Annotated[str, LATER, FROM_FILES] = "utf-8"
    """The encoding of the files."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        loss, _ = chance.labelled(self.data.tokens["train"].flatten())
        return loss, Metric("ppl", "", "min", math.exp(loss.chance or 0.0))

    # The data ------------------------------------------------------------------------------------------------

    @property
    @abc.abstractmethod
    def data(self) -> corpora.SplitText:
        """The parts of the text; made once, on first use."""

    def cut_into_parts(self, sections: int, kind: corpora.Kind) -> corpora.SplitText:
        """The parts of the text, each in `sections` sections; `kind` makes the vocabulary."""
        own_parts.tell_idle_shares(self, self.source.files)
        return corpora.split(self.source, sections, self.val_fraction, self.test_fraction, kind)

    @functools.cached_property
    def source(self) -> corpora.TextSource:
        """The files of the text."""
        return corpora.TextSource(self.text, self.val_text, self.test_text, self.encoding)

    @property
    def data_hash(self) -> str:
        return self.source.sha256

    @property
    def source_hash(self) -> str:
        return self.data_hash

    @functools.cached_property
    def vocab(self) -> Vocabulary:
        return self.data.vocab

    @property
    def longest(self) -> int:
        """Steps of the longest training window."""
        return self.seq_len

    @functools.cached_property
    def train_windows(self) -> Int[Tensor, "start window"]:
        """A view: the `longest + 1` symbols from each place of the training part."""
        tokens = self.data.tokens["train"].flatten()
        if len(tokens) <= self.longest:
            size = f"{len(tokens)} {self.vocab.unit}"
            problem = f"the training part has {size}, too few for a window of {self.longest} + 1"
            problem = f"{problem}; shorten `task.seq_len` or use a longer text"
            raise ConfigError("task.seq_len", problem, ("task.text",))
        return tokens.unfold(0, self.longest + 1, 1)

    @property
    def stream_len(self) -> int:
        """Symbols of one of the `batch_size` streams, less what the epochs' shifts need."""
        return len(self.train_windows) // self.batch_size

    @property
    def steps_per_epoch(self) -> int:
        if self.stream_windows < 1:
            problem = f"the training part gives each of {self.batch_size} streams {self.stream_len} {self.vocab.unit}"
            hint = "shorten `task.seq_len`, lower `train.batch_size` or use a longer text"
            problem = f"{problem}, less than {self.least}; {hint}"
            raise ConfigError("task.seq_len", problem, ("train.batch_size", "task.text"))
        return self.stream_windows

    @property
    def stream_windows(self) -> int:
        """Windows of each stream in an epoch."""
        return self.stream_len // self.seq_len

    @property
    def least(self) -> str:
        """What a stream must hold, for errors."""
        return f"one window of {self.seq_len}"

    @functools.cached_property
    def _kept(self) -> list[Tensor]:
        """The windows, on the device of `keep_on`."""
        return [self.train_windows]

    def keep_on(self, device: torch.device) -> None:
        self._kept[:] = [resident(self.train_windows, device)]

    def batch(self, step: int) -> Batch:
        _, length = self.cut(*divmod(step, self.steps_per_epoch))
        windows = self._kept[0][self._starts(step), : length + 1].long()  # (batch, time + 1)
        return {"inputs": windows[:, :-1], "targets": windows[:, 1:]}

    def cut(self, epoch: int, window: int) -> tuple[int, int]:
        """Where a window begins in its stream, and how many steps it has."""
        return window * self.seq_len, self.seq_len

    def _starts(self, step: int) -> Int[Tensor, "batch"]:
        if not self.carry_state:
            generator = rng.generator(self.seed, "data", step)
            places = torch.randint(len(self.train_windows), (self.batch_size,), generator=generator)
            return places.to(self._kept[0].device)
        epoch, window = divmod(step, self.steps_per_epoch)
        # each epoch cuts the streams at other places, so that no symbol is always the first of a window
        shift = rng.key(self.seed, "data", epoch) % self.seq_len
        streams = torch.arange(self.batch_size, device=self._kept[0].device)
        return streams * self.stream_len + shift + self.cut(epoch, window)[0]

    def begins(self, step: int) -> bool:
        return not self.carry_state or step % self.steps_per_epoch == 0

    def evaluation(self, split: Split) -> Iterator[Batch]:
        sections = self.data.tokens[split]
        chunk = max(1, EVALUATION_TOKENS // len(sections))
        for start in range(0, sections.shape[1] - 1, chunk):
            window = sections[:, start : start + chunk + 1].long()
            yield {"inputs": window[:, :-1], "targets": window[:, 1:]}

    def digests(self, split: Split) -> Digests:
        """Of windows of REPEATED symbols: in training at every place, else one after the other."""
        return repeats.of_windows(self.data.tokens[split], REPEATED, 1 if split == "train" else REPEATED)

    # The model -----------------------------------------------------------------------------------------------

    def check_prompts(self) -> None:
        """Refuses prompts that the vocabulary cannot write.

        Raises:
            ConfigError: names `task.prompts`.
        """
        for prompt in self.prompts or ():
            if problem := self.unfit(prompt):
                raise ConfigError("task.prompts", problem)

    def unfit(self, prompt: str) -> str:
        """What is wrong with a prompt, for a person to read; empty where nothing is."""
        if not len(self.vocab.encode(prompt)):
            return f"{prompt!r} has no {self.vocab.unit}; a prompt has at least one"
        return self.vocab.missing(prompt)

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, "*member"], Metrics, State]:
        scores, state = model(batch["inputs"], state)  # (batch, time, vocab)
        loss = mean_cross_entropy(scores, batch["targets"])
        count = torch.full_like(loss, math.prod(batch["targets"].shape[-2:]))
        return loss, {"loss": (loss.detach() * count, count)}, state

    @torch.no_grad()
    def predict(self, model: nn.Module, examples: list[Any]) -> list[float]:
        """The mean loss of each text in nats a symbol, from its second symbol on; read from the initial state."""
        losses, texts = [], new_data.texts(examples)
        new_data.tell_unknown(map(self.vocab.unknown, texts))
        for number, text in enumerate(texts):
            tokens = self.vocab.encode(text).long()[None]
            if tokens.shape[1] < 2:
                raise ConfigError(new_data.KEY, f"{new_data.named(number)} has fewer than two {self.vocab.unit}")
            loss, _, _ = self.loss(model, {"inputs": tokens[:, :-1], "targets": tokens[:, 1:]}, ())
            losses.append(float(loss))
        return losses

    def derive(self, means: dict[str, float]) -> dict[str, float]:
        loss = means["loss"]
        return means | {"ppl": math.exp(loss) if loss < 700 else math.inf}

    # What a person sees --------------------------------------------------------------------------------------

    def openings(self) -> list[str]:
        """What samples begin with where nothing is asked for."""
        return samples.openings(self.data.parts["val"][0])

    def summary(self, model: nn.Module) -> Summary:
        assert isinstance(model, ManyToMany)
        words = samples.words("".join(self.data.parts["train"]))
        generator = rng.generator(self.seed, "sampling")
        prompts = self.prompts or self.openings()
        drawn = samples.draw(model, self.vocab, prompts, self.sample_length, generator)
        shown = samples.summary(drawn, frozenset(words))
        reach = context.reach(model, self.data.tokens["val"])
        return Summary(shown.data | ({"context": reach} if reach else {}), shown.page)
