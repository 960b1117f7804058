"""Best settings on fresh seeds: who is compared with whom, and who gets more seeds at the next planned look."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from rnnsweep import looks
from rnnsweep.looks import Verdict
from rnnsweep.tuned_plan import Tuned

Tests = Mapping[int, Sequence[float]]
"""For each arm the test values by fresh seed; NaN where the run diverged."""


class Contest:
    """The arms of one condition against their leader.

    The leader is the arm with the best trial on validation. It is known before a fresh seed is run. That matters: if
    the arm that is best on the fresh seeds were the leader, it would be so in part by luck, and comparisons with it
    would find too much (simulated without any difference: a false `differs` in .069 of studies with 4 arms, in .109
    with 8, against .04 with a leader that was known before).

    Args:
        values: of each arm, the value of its best trial.
        tuned: the looks, the margin, and which way is better.
    """

    def __init__(self, values: Mapping[int, float], tuned: Tuned):
        self.arms, self.tuned = len(values), tuned
        self.leader = min(values, key=lambda n: (-values[n] if tuned.maximised else values[n], n))
        self.verdicts: dict[int, Verdict] = {n: "open" for n in values if n != self.leader}
        self.seeds = dict.fromkeys(values, 0)
        self.entrants = list(values)
        """Who is run at the next look: the arms whose comparison is open, and the leader as long as there are any."""

    def standing(self, n: int) -> Literal["leader", "differs", "equivalent", "open"]:
        """What is known of an arm."""
        return "leader" if n == self.leader else self.verdicts[n]

    def look(self, number: int, tests: Tests) -> None:
        """Decides the comparisons that are open.

        A run that diverged has no test value, and to leave out its seed would favour an arm that often diverges. So
        such a comparison stays open, and more seeds are not spent on it.
        """
        going_on = []
        for n in self.entrants:
            self.seeds[n] = len(tests[n])
            if n == self.leader:
                continue
            differences = [one - other for one, other in zip(tests[n], tests[self.leader], strict=True)]
            if any(map(math.isnan, differences)):
                continue
            found = looks.look(differences, number, self.arms, self.tuned.margin or 0.0)
            self.verdicts[n] = found.verdict
            if found.verdict == "open":
                going_on.append(n)
        self.entrants = [self.leader, *going_on] if going_on else []
