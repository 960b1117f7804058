"""The hidden size that brings a model nearest to a number of parameters, to compare cells at equal cost."""

from collections.abc import Callable


def nearest(wanted: int, parameters: Callable[[int], int]) -> int:
    """The size whose number of parameters is nearest to `wanted`; of two equally near, the smaller.

    The search takes for granted that the number grows with the size. MUT1 and MUT2 have a matrix less where hidden =
    in; close to that size they may miss the nearest.

    Args:
        wanted: the number of parameters.
        parameters: from a size, 1 or more, to the number of parameters.
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
