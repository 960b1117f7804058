"""In which encoding is a text that is not UTF-8? Used only for the advice in an error message, never to read a file."""

import codecs
import re
import unicodedata

MARKED = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"} | {
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings by the mark that a text begins with; the longer marks first."""

KNOWN = ("utf-8", "cp1252", "cp1251", "koi8-r", "mac_roman", "cp1250", "cp1253", "shift_jis", "gb18030")
"""Encodings without a mark; of equally good ones the first is taken."""

HEAD = 65536


def likely(content: bytes) -> tuple[str, str] | None:
    """The encoding that reads the bytes best, and a piece of the text so read; None for a binary file."""
    marked = [name for mark, name in MARKED.items() if content.startswith(mark)]
    names = marked[:1] or (_wide(content[:HEAD]) if b"\0" in content[:HEAD] else KNOWN)
    read = {name: text for name in names if (text := _decoded(content, name)) is not None}
    if not read:
        return None
    best = min(read, key=lambda name: _oddities(read[name]))
    return best, _sample(read[best])


def _wide(head: bytes) -> list[str]:
    """UTF-16 without a mark: in Western texts every second byte is 0."""
    halves = (("utf-16-le", head[1::2]), ("utf-16-be", head[::2]))
    return [name for name, half in halves if half.count(0) > len(half) / 2]


def _decoded(content: bytes, name: str) -> str | None:
    try:
        text = content.decode(name).removeprefix("\ufeff")
    except UnicodeError:
        return None
    return None if "\0" in text[:HEAD] else text


def _oddities(text: str) -> int:
    """How many different words with letters beyond ASCII look wrong."""
    words = set(re.findall(r"\w*[^\W\x00-\x7f]\w*", text))
    symbols = set(re.findall(r"\w[^\w\s\x00-\x7f’\u3000-\u303f\uff00-\uffef]\w", text))  # between two letters
    return sum(map(_odd, words)) + len(symbols)


def _odd(word: str) -> bool:
    """Capitals in the middle, two alphabets in a word, three accented Latin letters in a row, or narrow katakana."""
    cased = word in (word.lower(), word.upper(), word.title(), word.capitalize())
    alphabets = {unicodedata.name(letter, "").split(" ")[0] for letter in word} & {"LATIN", "CYRILLIC", "GREEK"}
    return not cased or len(alphabets) > 1 or re.search("[\u00aa-\u024f]{3}|[\uff61-\uff9f]", word) is not None


def _sample(text: str) -> str:
    """The line around the first letter beyond ASCII, cut to a few words."""
    beyond = re.search(r"[^\x00-\x7f]", text)
    at = beyond.start() if beyond else 0
    start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
    return text[max(start, at - 15) : min(len(text) if end < 0 else end, at + 15)].strip()
