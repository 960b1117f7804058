"""The questions that a report answers where the runs allow: data, so that a new task needs no change here."""

import dataclasses
import fnmatch

from rnnsweep.report.runs import Factor, Runs


@dataclasses.dataclass(frozen=True)
class Question:
    """A question that one or more factors answer."""

    name: str
    title: str
    asks: str
    keys: tuple[str, ...]
    """Patterns of the factors that answer it; each that varies gets a table, a figure and sentences."""
    metrics: tuple[str, ...] = ()
    """Patterns of metrics drawn beside the report's own, where the runs have them."""
    views: tuple[str, ...] = ()
    """Further figures: curves, gradients, context, budget, and what else the figures know by name."""
    tasks: tuple[str, ...] = ("*",)
    judged: str = ""
    """The metric to answer it by, where the report's own cannot tell."""

    def factors(self, runs: Runs) -> list[Factor]:
        """The factors among these runs that answer it, in the order of the patterns."""
        if not any(fnmatch.fnmatch(runs.learned, pattern) for pattern in self.tasks):
            return []
        found = [f for pattern in self.keys for f in runs.factors if fnmatch.fnmatch(f.key, pattern)]
        return list({factor.key: factor for factor in found}.values())

    def beside(self, runs: Runs, metric: str) -> list[str]:
        """The metrics to draw: the report's own first."""
        known = [name for pattern in self.metrics for name in runs.metrics if fnmatch.fnmatch(name, pattern)]
        return list(dict.fromkeys([metric, *known]))[:3]


REGRESSION = ("seqmean*", "sine*")

QUESTIONS = (
    Question(
        "cell",
        "The choice of the cell",
        "Which cell is best, and where do GRU and LSTM outperform the tanh RNN?",
        ("cell",),
        (),
        ("curves", "fit"),
    ),
    Question(
        "capacity",
        "Capacity against generalisation",
        "What does a larger state buy on held-out data, and when does it overfit?",
        ("cell.hidden_size",),
        ("val/gap", "val/overfit"),
    ),
    Question(
        "stacked",
        "Single against stacked",
        "Does a second layer help a regression?",
        ("cell.num_layers",),
        ("val/gap",),
        ("fit", "gradients"),
        REGRESSION,
    ),
    Question(
        "depth",
        "Depth",
        "When do further layers help, and where do gradients vanish or explode without clipping?",
        ("cell.num_layers", "cell.residual"),
        ("val/gap",),
        ("gradients",),
    ),
    Question(
        "length",
        "Sequence length",
        "How far does useful context extend?",
        ("task.seq_len", "task.max_len", "task.length", "task.carry_state"),
        (),
        ("context",),
    ),
    Question(
        "teacher",
        "Teacher forcing",
        "Does a lower ratio cure exposure bias, and what does it cost in stability?",
        ("task.teacher_forcing*",),
        ("val/free*", "val/exact*"),
        ("curves",),
    ),
    Question(
        "rate",
        "Optimizer and learning rate",
        "Which range of learning rates is stable?",
        ("optimizer", "optimizer.lr", "optimizer.*", "train.schedule", "train.warmup"),
    ),
    Question(
        "clip",
        "Gradient clipping",
        "What does clipping change?",
        ("train.clip",),
        ("last:train/grad_norm",),
        ("gradients",),
    ),
    Question(
        "pooling",
        "Pooling, truncation, direction",
        "How is a sequence best made into one vector?",
        ("pooling", "pooling.*", "task.truncat*", "*.bidirectional"),
        ("val/accuracy", "val/macro_f1"),
    ),
    Question(
        "decoding",
        "Greedy against beam",
        "What does a wider search for the answer buy? (A beam changes nothing of the training.)",
        ("task.beam_size", "task.length_penalty"),
        judged="test/decoded_exact",
    ),
    Question(
        "attention",
        "Attention",
        "What does looking back at the source buy the decoder?",
        ("task.attention", "task.attention_size"),
        ("val/exact*",),
        ("curves",),
    ),
    Question(
        "condition",
        "Conditioning on the first step or on every step",
        "Must the condition be given at every step?",
        ("task.condition*",),
        ("val/control*", "val/distinct*"),
    ),
    Question(
        "regularisation",
        "Weight tying, layer norm, dropout",
        "What do these regularisers change?",
        (
            "*.tie_weights",
            "*.layer_norm",
            "*dropout*",
            "cell.variational",
            "cell.zoneout",
            "optimizer.weight_decay",
            "task.embedding_size",
        ),
        ("val/gap",),
    ),
)


def other_factors(runs: Runs) -> Question:
    """Whatever else varies, under a question of its own."""
    taken = {factor.key for question in QUESTIONS for factor in question.factors(runs)}
    left = tuple(factor.key for factor in runs.factors if factor.key not in taken)
    return Question("other", "What else varies", "What do the other settings change?", left)
