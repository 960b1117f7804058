"""The typeface of the figures: a small part of DejaVu Sans, made once, so that each PDF embeds it quickly."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from matplotlib import font_manager

from rnnsweep.lettering import BASE

NAME = "Report Sans"
KEPT = ((0x20, 0x250), (0x370, 0x400), (0x2000, 0x2070), (0x2190, 0x2300))
"""Latin, Greek, punctuation, arrows and signs. Other characters are printed in DejaVu Sans itself."""


@functools.cache
def families() -> tuple[str, ...]:
    """The font families in order of preference. Embedding all of DejaVu Sans takes a third of a figure's time."""
    from fontTools import subset

    options = subset.Options(layout_features=[], name_IDs=["*"], hinting=False, notdef_outline=True)
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "kern", "FFTM", "PfEd", "MATH"]
    face = subset.load_font(font_manager.findfont(BASE), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[code for first, end in KEPT for code in range(first, end)])
    subsetter.subset(face)
    for record in face["name"].names:
        if record.nameID in (1, 4, 16):  # family, full name, typographic family
            record.string = NAME
        elif record.nameID == 6:  # PostScript name
            record.string = NAME.replace(" ", "")
    folder = tempfile.mkdtemp(prefix="report-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "face.ttf"
    face.save(path)
    font_manager.fontManager.addfont(path)
    return NAME, BASE
