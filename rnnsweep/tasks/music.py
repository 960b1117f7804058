"""Polyphonic music: which keys sound next, of 88, each key independently."""

import dataclasses
import functools
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from rnnsweep.cells.base import CellFactory
from rnnsweep.data.music import KEYS, Roll, chorales, rolls
from rnnsweep.errors import ConfigError
from rnnsweep.kernels.dense import Linear
from rnnsweep.kernels.members import total
from rnnsweep.models.embedding import Features
from rnnsweep.models.many_to_many import ManyToMany
from rnnsweep.pooling import PoolingFactory, mask
from rnnsweep.tasks import new_data, repeats
from rnnsweep.tasks.examples import ExampleTask
from rnnsweep.tasks.repeats import Digests
from rnnsweep.types import (
    EXECUTION,
    HELD_OUT,
    MADE_UP,
    Batch,
    Count,
    Deviation,
    DropoutRate,
    Metric,
    Metrics,
    Split,
    State,
    Summary,
)

EVALUATION_PIECES = 64  # of one evaluation batch, of like length
LONGEST = 64  # steps of a made-up chorale
SHOWN = 48  # steps of the piece in the record


@dataclasses.dataclass(kw_only=True, eq=False)
class Music(ExampleTask):
    """The next step of a piano roll from those before it: 88 independent Bernoullis.

    The loss is the negative log-likelihood in nats a step, summed over the keys and averaged over all steps of all
    pieces from the second on (as Bai et al. 2018 count; Boulanger-Lewandowski et al. 2012 predict the first, too).
    `accuracy` is theirs: keys rightly said to sound over those that sound or are said to (Bay et al. 2009).
    Training reads pieces of `seq_len` steps, each from the initial state; validation and test read whole pieces.
    """

    metric: ClassVar[Metric] = Metric("loss", "nats", "min")

    path: Annotated[str | None, EXECUTION] = None  # its content is in the hash
    """A .mat file with traindata, validdata and testdata; None: chorales of our own."""
    seq_len: Count = 128
    """Steps that training predicts at a time; longer pieces are cut."""
    examples: Annotated[Count, MADE_UP] = 300
    """Pieces to make up for training where there is no path."""
    held_out: Annotated[Count, MADE_UP] = 60
    """Pieces to make up for validation, and as many for the test."""
    input_noise: Deviation = 0.0
    """Standard deviation of the Gaussian noise on the keys that training reads."""
    output_dropout: DropoutRate = 0.0
    """Share of the cell's outputs dropped in training before the head."""
    start_at_shares: bool = True
    """The head's bias starts at the log-odds of each key's share of the training steps. Otherwise the model spends its
    first thousands of steps on learning that most keys are silent; its outputs saturate, and its loss stays higher."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        shares = torch.tensor(self.shares, dtype=torch.float64)
        entropy = F.binary_cross_entropy(shares, shares, reduction="sum").item()
        return Metric("loss", "nats", "min", entropy), Metric("accuracy", "share", "max")

    @functools.cached_property
    def pieces(self) -> dict[Split, list[Roll]]:
        if self.path is not None:
            return rolls(self.path)[0]
        if self.seq_len < 8:
            raise ConfigError("task.seq_len", "a made-up chorale has at least 8 steps; raise it")
        made = chorales(self.examples + 2 * self.held_out, self._longest, self.seed)
        ends = self.examples, self.examples + self.held_out
        return {"train": made[: ends[0]], "val": made[ends[0] : ends[1]], "test": made[ends[1] :]}

    @property
    def _longest(self) -> int:
        """Steps of the longest chorales that are made up."""
        return min(self.seq_len, LONGEST)

    @property
    def source_hash(self) -> str:
        return "" if self.path is None else rolls(self.path)[1]

    @functools.cached_property
    def data(self) -> dict[Split, Batch]:
        width = self._longest if self.path is None else None  # made-up pieces have one width for every seed
        train = [cut for piece in self.pieces["train"] for cut in self._cuts(piece)]
        made: dict[Split, Batch] = {"train": _padded(train, 1 + (width or self.seq_len))}
        for split in HELD_OUT:
            whole = sorted(self.pieces[split], key=len, reverse=True)
            made[split] = _padded(whole, width and width + 1)
        return made

    @functools.cached_property
    def shares(self) -> list[float]:
        """Each key's share of the training steps, with half a step added."""
        steps = torch.cat([torch.from_numpy(piece) for piece in self.pieces["train"]])
        return ((steps.double().sum(0) + 0.5) / (len(steps) + 1)).tolist()

    def assets(self) -> dict[str, Any]:
        return {"shares": self.shares}

    def adopt(self, assets: dict[str, Any]) -> None:
        self.shares = assets["shares"]

    def digests(self, split: Split) -> Digests:
        """Of whole pieces."""
        return repeats.of_rows(torch.from_numpy(piece) for piece in self.pieces[split])

    def _cuts(self, piece: Roll) -> Iterator[Roll]:
        """Pieces of `seq_len` predictions; the last step of one is the first step of the next."""
        for start in range(0, max(1, len(piece) - 1), self.seq_len):
            yield piece[start : start + self.seq_len + 1]

    def evaluation(self, split: Split) -> Iterator[Batch]:
        """Batches as wide as their longest piece; made-up pieces keep their width, which stacked members share."""
        for start in range(0, self.size(split), EVALUATION_PIECES):
            batch = {name: part[start : start + EVALUATION_PIECES] for name, part in self.data[split].items()}
            if self.path is not None:
                longest = int(batch["lengths"].max())
                batch |= {name: batch[name][:, :longest] for name in ("inputs", "targets")}
            yield batch

    def build(self, cell: CellFactory, pooling: PoolingFactory) -> nn.Module:
        reads = Features(KEYS, self.input_noise)
        model = ManyToMany(reads, cell, outputs=KEYS, output_dropout=self.output_dropout)
        if self.start_at_shares:
            assert isinstance(model.head, Linear)
            with torch.no_grad():
                model.head.bias.copy_(torch.tensor(self.shares).logit())
        return model

    def loss(self, model: nn.Module, batch: Batch, state: State) -> tuple[Float[Tensor, "*member"], Metrics, State]:
        number = next(model.parameters()).dtype
        scores, _ = model(batch["inputs"].to(number))  # (batch, time, key)
        sounds = batch["targets"].to(number)
        exists = mask(batch["lengths"], sounds.shape[-2])
        each = (F.softplus(scores) - sounds * scores).sum(-1)  # -log σ(±scores)
        loss, count = total(each * exists), total(exists).to(number)
        said, truth = (scores > 0) & exists[..., None], sounds > 0
        metrics = {"loss": (loss.detach(), count), "accuracy": (total(said & truth), total(said | truth))}
        return loss / count, metrics, ()

    @torch.no_grad()
    def predict(self, model: nn.Module, examples: list[Any]) -> list[list[list[float]]]:
        """How likely each key sounds next, (time, KEYS), after each step of each piano roll (time, KEYS)."""
        batch = new_data.numbers(examples, KEYS)
        if len(wrong := torch.nonzero((batch["inputs"] != 0) & (batch["inputs"] != 1))):
            strange = batch["inputs"][tuple(wrong[0])].item()
            problem = f"{new_data.named(int(wrong[0, 0]))} holds {strange:g}"
            raise ConfigError(new_data.KEY, f"{problem}; expected zeros and ones, 1 where a key sounds")
        chances = model(batch["inputs"])[0].sigmoid().tolist()
        return [rows[:length] for rows, length in zip(chances, batch["lengths"].tolist(), strict=True)]

    @torch.no_grad()
    def summary(self, model: nn.Module) -> Summary:
        """The keys that sound at each step of the shortest test piece, and the probability that each key had before."""
        part = {name: values[-1:, :SHOWN] for name, values in self.data["test"].items() if name != "lengths"}
        first = next(model.parameters())
        steps = min(SHOWN, int(self.data["test"]["lengths"][-1]))
        chances = model(part["inputs"].to(first))[0].sigmoid()[0, :steps].cpu()
        sounds = part["targets"][0, :steps]
        used = torch.nonzero(sounds.any(0) | (chances > 0.2).any(0))[:, 0]
        if not len(used):
            return Summary({})
        low, high = int(used[0]), int(used[-1]) + 1
        rows = [[round(chance, 2) for chance in row] for row in chances[:, low:high].tolist()]
        return Summary({"roll": {"lowest": low, "chances": rows, "sounds": sounds[:, low:high].tolist()}})


def _padded(pieces: list[Roll], width: int | None) -> Batch:
    """Rolls as inputs and targets, one step apart, both (piece, time, KEYS) of uint8, silent where they are padded."""
    width = max(len(piece) for piece in pieces) if width is None else width
    rows = torch.zeros(len(pieces), width, KEYS, dtype=torch.uint8)
    for row, piece in zip(rows, pieces, strict=True):
        row[: len(piece)] = torch.from_numpy(piece)
    lengths = torch.tensor([len(piece) - 1 for piece in pieces])
    return {"inputs": rows[:, :-1], "targets": rows[:, 1:], "lengths": lengths}
