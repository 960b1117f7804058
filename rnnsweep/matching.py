"""The hidden size at which a model has as near to a number of parameters as it can: cells compared at equal cost."""

from collections.abc import Callable


def nearest(wanted: int, parameters: Callable[[int], int]) -> int:
    """The size from 1 up whose `parameters`, which grow with it, come nearest to `wanted`; the smaller of two.

    Where they do not grow at one size (MUT1 and MUT2 have a matrix less where hidden = in), near it is not nearest.
    """
    above = 1
    while parameters(above) < wanted:
        above *= 2
    below = above // 2  # parameters(below) < wanted <= parameters(above), or below is 0
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if parameters(middle) < wanted else (below, middle)
    sizes = [size for size in (below, above) if size]
    return min(sizes, key=lambda size: abs(parameters(size) - wanted))
