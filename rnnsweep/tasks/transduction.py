"""Sequence to sequence: what the encoder-decoder tasks share."""

import abc
import dataclasses
import functools
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rnnsweep import rng
from rnnsweep.attention import AttentionKind
from rnnsweep.cells.base import CellFactory
from rnnsweep.errors import ConfigError
from rnnsweep.kernels.dense import cross_entropy
from rnnsweep.kernels.members import total
from rnnsweep.models.decode import beam
from rnnsweep.models.embedding import TokenEmbedding
from rnnsweep.models.encoder_decoder import EncoderDecoder
from rnnsweep.pooling import PoolingFactory, mask
from rnnsweep.schedules import ForcingShape, forcing
from rnnsweep.tasks import decoded, new_data
from rnnsweep.tasks.examples import ExampleTask, digest
from rnnsweep.types import (
    Batch,
    Count,
    DropoutRate,
    ForcingRatio,
    Metric,
    Metrics,
    NonNegative,
    Split,
    State,
    Summary,
)
from rnnsweep.vocab import Vocab

Pairs = list[tuple[str, str]]


@dataclasses.dataclass(kw_only=True, eq=False)
class TransductionTask(ExampleTask):
    """Write the target text of each source text with an encoder-decoder; loss in nats a symbol, the end included.

    Trained with teacher forcing or a mixture; judged free-running: `exact` is the share of targets that are right from
    the first symbol to the end, `token_accuracy` the share of symbols, `free_loss` the loss when the model reads its
    own symbols, and `exposure_bias` what that costs over the teacher-forced `loss`. The shares under teacher forcing
    are `forced_exact` and `forced_token_accuracy`; where training mixes, its rows say `mixed_` instead.
    """

    metric: ClassVar[Metric] = Metric("exact", "share", "max")

    attention: AttentionKind = "none"
    """The decoder's attention. none: the decoder knows only the encoder's last state."""
    attention_size: Count = 64
    """Features inside the score of bahdanau and luong_concat."""
    teacher_forcing: ForcingRatio = 1.0
    """Share of the training steps that read the true previous symbol; the others read the model's own best symbol."""
    forcing_schedule: ForcingShape = "constant"
    """How that share falls: constant, linear, exponential, inverse_sigmoid."""
    forcing_half: Count = 1000
    """Steps after which half of it is left."""
    beam_size: Count = 1
    """Beams of the final decoding of the test; 1: greedy."""
    length_penalty: NonNegative = 0.0
    """Exponent of the beam's length penalty (Wu et al. 2016, eq. 14)."""
    embedding_size: Count = 32
    """Features of an embedded symbol."""
    embedding_dropout: DropoutRate = 0.0
    """Share of the embedded features dropped in training."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        losses = (Metric(name, "nats", "min") for name in ("loss", "free_loss", "exposure_bias"))
        read = ("", "forced_", "mixed_")
        shares = (Metric(how + name, "share", "max") for how in read for name in ("exact", "token_accuracy"))
        return *losses, *shares, Metric("decoded_exact", "share", "max")

    @functools.cached_property
    @abc.abstractmethod
    def pairs(self) -> dict[Split, Pairs]:
        """Source and target texts of each split."""

    @property
    @abc.abstractmethod
    def alphabets(self) -> tuple[str, str]:
        """All symbols that sources and targets may have."""

    def read(self, source: str) -> str:
        """What the encoder reads of a source as a person writes it, symbol by symbol."""
        return source

    def expected(self, source: str) -> str:
        """A description of a valid source if this is none; otherwise empty."""
        known = self.vocabs[0].symbols
        fits = 0 < len(source) <= self.widths[0] and not set(source) - set(known)
        return "" if fits else f"1 to {self.widths[0]} symbols of `{known}`"

    @functools.cached_property
    def vocabs(self) -> tuple[Vocab, Vocab]:
        return Vocab(self.alphabets[0]), Vocab(self.alphabets[1])

    @property
    def mixes(self) -> bool:
        """Whether training reads the model's own symbols, too."""
        return self.teacher_forcing < 1 or self.forcing_schedule != "constant"

    @property
    def widths(self) -> tuple[int, int]:
        """Steps of the longest source and the longest target that there can be."""
        return self._drawn

    @functools.cached_property
    def _drawn(self) -> tuple[int, int]:
        """Steps of the longest source and the longest target that there are."""
        every = [pair for part in self.pairs.values() for pair in part]
        return max(len(source) for source, _ in every), max(len(target) for _, target in every)

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        self._refuse_unfit()
        return {split: self._examples(pairs, self.widths) for split, pairs in self.pairs.items()}

    def _refuse_unfit(self) -> None:
        """Refuses parts without a pair, empty sources, and symbols that `alphabets` lacks: they would be one symbol.

        Raises:
            ConfigError: it says which part.
        """
        for split, pairs in self.pairs.items():
            if not pairs or not all(source for source, _ in pairs):
                problem = "an empty source" if pairs else "no pair"
                raise ConfigError("task", f"the {split} part has {problem}; a pair has one symbol to read at least")
            for number, name in enumerate(("source", "target")):
                if missing := self.vocabs[number].missing("".join(pair[number] for pair in pairs)):
                    raise ConfigError("task", f"a {name} of the {split} part does not fit `alphabets`: {missing}")

    @property
    def data_hash(self) -> str:
        """The hash leaves out columns that hold only padding, so that a run's name does not depend on `widths`."""
        self._refuse_unfit()
        return digest(self._examples(pairs, self._drawn) for pairs in self.pairs.values())

    def _examples(self, pairs: Pairs, widths: tuple[int, int]) -> Batch:
        source, source_lengths = self.vocabs[0].padded([self.read(source) for source, _ in pairs], widths[0])
        targets = self.vocabs[1].bounded([target for _, target in pairs], widths[1])
        return {"source": source, "source_lengths": source_lengths} | targets

    def batch(self, step: int) -> Batch:
        batch = super().batch(step)
        return batch | {"coins": self._coins(step, batch["targets"])} if self.mixes else batch

    def _coins(self, step: int, targets: Int[Tensor, "batch time"]) -> Bool[Tensor, "batch time"]:
        """True where the step reads the true symbol."""
        ratio = forcing(self.forcing_schedule, self.teacher_forcing, self.forcing_half, step)
        drawn = torch.rand(targets.shape, generator=rng.generator(self.seed, "coins", step))
        return (drawn < ratio).to(targets.device)

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        source, target = len(self.vocabs[0]), self.vocabs[1].boundary + 1
        return EncoderDecoder(
            TokenEmbedding(source, self.embedding_size, self.embedding_dropout),
            TokenEmbedding(target, self.embedding_size, self.embedding_dropout),
            cell,
            attention=self.attention,
            attention_size=self.attention_size,
            outputs=target,
            shortest=min(len(source) for part in self.pairs.values() for source, _ in part),
        )

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, "*member"], Metrics, State]:
        read = batch["source"], batch["source_lengths"], batch["inputs"]
        if model.training:
            scores = model.mixed(*read, batch["coins"]) if self.mixes else model(*read)  # type: ignore[operator]
            loss, metrics = self._judged(scores, batch, "mixed_" if self.mixes else "forced_")
            return loss, metrics, ()
        loss, forced = self._judged(model(*read), batch, "forced_")
        never = torch.zeros_like(batch["inputs"], dtype=torch.bool)
        _, free = self._judged(model.mixed(*read, never), batch, "")  # type: ignore[operator]
        return loss, free | forced | {"free_loss": free["loss"]}, ()

    def _judged(self, scores: Float[Tensor, "*batch time vocab"], batch: Batch, how: str) -> tuple[Tensor, Metrics]:
        """The loss and the metrics; `how` names what the decoder read: true symbols, its own (empty), or a mixture."""
        targets = batch["targets"]
        exists = mask(batch["lengths"], targets.shape[-1])
        each = cross_entropy(scores, targets)
        loss, count = total(each * exists), total(exists).to(each)
        right = scores.argmax(-1) == targets
        metrics = {
            "loss": (loss.detach(), count),
            f"{how}token_accuracy": (total(right & exists), count),
            f"{how}exact": (total((right | ~exists).all(-1)), total(torch.ones_like(targets[..., 0]))),
        }
        return loss / count, metrics

    def derive(self, means: dict[str, float]) -> dict[str, float]:
        return means | ({"exposure_bias": means["free_loss"] - means["loss"]} if "free_loss" in means else {})

    # What it shows -------------------------------------------------------------------------------------------

    @torch.no_grad()
    def summary(self, model: nn.Module) -> Summary:
        """The test decoded as `beam_size` says: exact match, by source length, with mistakes; and one attention map."""
        assert isinstance(model, EncoderDecoder)
        device = next(model.parameters()).device
        part = {name: values.to(device) for name, values in self.data["test"].items()}
        written = self._decoded(model, part["source"], part["source_lengths"])
        rows = [
            {"source": source, "target": target, "answer": answer}
            for (source, target), answer in zip(self.pairs["test"], written, strict=True)
        ]
        data = decoded.summarised(rows, self.beam_size)
        if self.attention != "none":
            data["attention"] = self._map(model, part)
        return Summary(data, decoded.page(data), {"decoded_exact": data["decoding"]["exact"]})

    def predict(self, model: nn.Module, examples: list[Any]) -> list[str]:
        """The target that the model writes for each source, as `answer` does."""
        sources = new_data.texts(examples)
        for number, source in enumerate(sources):
            if expected := self.expected(source):
                raise ConfigError(new_data.KEY, f"{new_data.named(number)} is {source!r}; expected {expected}")
        return [self.answer(model, source) for source in sources]

    @torch.no_grad()
    def answer(self, model: nn.Module, source: str) -> str:
        """The target that the model writes for one source.

        Raises:
            ConfigError: it is no source of this task.
        """
        assert isinstance(model, EncoderDecoder)
        if expected := self.expected(source):
            raise ConfigError("prompt", f"expected {expected}" + (f", got {source!r}" if source else ""))
        rows, lengths = self.vocabs[0].padded([self.read(source)], len(source))  # no step is padded, however short
        return self._decoded(model, rows, lengths)[0]

    def _decoded(self, model: EncoderDecoder, source: Tensor, lengths: Tensor) -> list[str]:
        """The texts that the model writes for the sources, by a beam of `beam_size`."""
        end, longest = self.vocabs[1].boundary, self.widths[1] + 1
        found, _ = beam(model, source, lengths, end, longest, self.beam_size, self.length_penalty)
        return [self.vocabs[1].ended(row) for row in found.tolist()]

    def _map(self, model: EncoderDecoder, part: Batch) -> dict[str, Any]:
        """Where the decoder looks in the longest test source, a row for each symbol that it writes, the end last."""
        index = int(part["source_lengths"].argmax())
        one = {name: values[index : index + 1] for name, values in part.items()}
        _, _, weights = model.decode(one["inputs"], *model.encode(one["source"], one["source_lengths"]))
        assert weights is not None
        source, target = self.pairs["test"][index]
        shown = weights[0, : len(target) + 1, : len(source)].cpu()
        return {
            "source": self.read(source),
            "target": target,
            "weights": [[round(w, 4) for w in row] for row in shown.tolist()],
        }
