"""Greedy against beam."""

from rnnsweep.report.question import Question

RANK = 100

QUESTION = Question(
    name="decoding",
    title="Greedy against beam",
    asks="How much does a wider search for the answer help? (The beam does not change the training.)",
    keys=("task.beam_size", "task.length_penalty"),
    judged="test/decoded_exact",
)
