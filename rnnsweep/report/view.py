"""What a view is: a module with four functions, which draws one figure of the report."""

from typing import Protocol, TypeVar, runtime_checkable

import pandas as pd
from matplotlib.figure import Figure

Input = TypeVar("Input", contravariant=True)


@runtime_checkable
class ReportView(Protocol[Input]):
    """A module in `views/` with these functions. Their input is a `Subject`; in `across/` it is the `Scores`.

    The report calls `data` first, and the other functions only if the frame is not empty.
    """

    def data(self, of: Input) -> pd.DataFrame:
        """The numbers to draw.

        Args:
            of: The runs, the metric, and whatever else the view needs.

        Returns:
            A frame, which also becomes the figure's CSV; empty if these runs have nothing to draw. The docstring of
            each view says what a row is. Metrics are in their own units.
        """

    def title(self, of: Input) -> str:
        """The title of the figure.

        Args:
            of: As for `data`.

        Returns:
            A few words, without a full stop.
        """

    def caption(self, frame: pd.DataFrame, of: Input) -> str:
        """The text below the title.

        Args:
            frame: What `data` returned.
            of: As for `data`.

        Returns:
            One or more sentences that say what the marks mean, and over how many seeds or settings they are.
        """

    def draw(self, frame: pd.DataFrame, of: Input) -> Figure:
        """The figure.

        Args:
            frame: What `data` returned.
            of: As for `data`.

        Returns:
            A matplotlib figure; `draw.canvas` makes an empty one in the report's style.
        """
