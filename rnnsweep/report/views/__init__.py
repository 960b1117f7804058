"""The figures of the report, one view a file.

A view has four functions, each of a `Subject`, which says what is drawn:

    data(of) -> DataFrame       what is drawn, and what the figure's CSV holds; empty where the runs have none
    draw(frame, of) -> Figure   draws it
    title(of) -> str
    caption(frame, of) -> str
"""
