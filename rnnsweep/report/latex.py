"""Text as LaTeX. Every name is printed as it is written, and compiles with pdflatex."""

import re
import unicodedata

from rnnsweep.report.table import oneline

SYMBOLS = {c: f"\\{c}" for c in "&%$#_{}"}
SYMBOLS |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}"}
SYMBOLS |= {
    "±": r"$\pm$",
    "−": "$-$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "µ": r"$\mu$",
}
SYMBOLS |= {"→": r"$\to$", "∞": r"$\infty$", "√": r"$\surd$", "°": r"$^\circ$", "·": r"$\cdot$", "<": "$<$", ">": "$>$"}
SYMBOLS |= {"—": "---", "–": "--", "…": r"\dots{}", "“": "``", "”": "''", "‘": "`", "’": "'"}
"""Characters that LaTeX reads as commands, and signs that a text font may lack."""

ACCENTS = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": "."}
ACCENTS |= {"\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0327": "c", "\u0331": "b"}
"""Combining marks, each as LaTeX's command for it."""

LETTERS = {"Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "ß": "ss", "ı": "i"}
LETTERS = {letter: f"\\{name}{{}}" for letter, name in LETTERS.items()}

NAMES = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi o pi rho varsigma sigma tau upsilon"
GREEK = dict(zip("αβγδεζηθικλμνξοπρςστυφχψω", [*NAMES.split(), "phi", "chi", "psi", "omega"], strict=True))
GREEK |= {letter.upper(): name.capitalize() for letter, name in GREEK.items() if letter != "ς"}
GREEK |= dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True))
"""The names of Greek letters in LaTeX's mathematics; some are Latin letters there."""

SCRIPTS = {"CYRILLIC": "T2A"}
"""Scripts for which pdflatex has fonts, by the encoding of these."""

SCRIPT = r"""% Letters of another script need xelatex or lualatex and a font that has them, Cyrillic ones pdflatex with
% \usepackage[T2A,T1]{fontenc}; elsewhere their code points are printed.
\providecommand{\inscript}[3]{\ifdefined\Umathchar #2\else\ifcsname T@#1\endcsname{\fontencoding{#1}\selectfont
#2}\else\texttt{#3}\fi\fi}
"""


def escape(text: str) -> str:
    """The text as LaTeX source, in ASCII as far as there are commands."""
    parts = re.findall(r"([ -~]+|[^ -~]+)", unicodedata.normalize("NFC", oneline(text)))
    shown = "".join(_ascii(part) if part.isascii() else _other(part) for part in parts)
    shown = re.sub(r"(?<!\\)\$\$", "", shown)  # joins adjacent formulas: $$ would start a display
    return f"{{{shown[0]}}}{shown[1:]}" if shown[:1] in ("[", "*") else shown  # \\ would read these as its arguments


def _ascii(text: str) -> str:
    """ASCII text. Pairs that LaTeX would join (two hyphens, quotes or commas) are kept apart."""
    return "".join(SYMBOLS.get(sign, sign) for sign in re.sub(r"([-`',])(?=\1)", "\\1\0", text)).replace("\0", "{}")


def _other(text: str) -> str:
    """Letters beyond ASCII. Adjacent letters without a command share one `inscript`."""
    shown, left = "", ""
    for letter in text:
        command = _command(letter)
        left, done = (left + letter, "") if command is None else ("", _inscript(left) + command)
        shown += done
    return shown + _inscript(left)


def _command(letter: str) -> str | None:
    """LaTeX's command for one letter; None if there is none."""
    if known := SYMBOLS.get(letter) or LETTERS.get(letter):
        return known
    base, *marks = list(unicodedata.normalize("NFD", letter))
    if base in GREEK and {*marks} <= {"\u0301", "\u0308"}:
        return _greek(GREEK[base], marks)
    if base.isascii() and all(mark in ACCENTS for mark in marks):
        for mark in marks:
            base = f"\\{ACCENTS[mark]}{{{base}}}"
        return base
    return None


def _greek(name: str, marks: list[str]) -> str:
    """A Greek letter as a formula, with its accents."""
    shown = f"\\{name}" if len(name) > 1 else f"\\mathrm{{{name}}}"
    shown = f"\\ddot{{{shown}}}" if "\u0308" in marks else shown
    return f"$\\acute{{{shown}}}$" if "\u0301" in marks else f"${shown}$"


def _inscript(letters: str) -> str:
    if not letters:
        return ""
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in letters}
    encoding = SCRIPTS.get(scripts.pop(), "none") if len(scripts) == 1 else "none"
    return f"\\inscript{{{encoding}}}{{{letters}}}{{{' '.join(f'U+{ord(letter):04X}' for letter in letters)}}}"
