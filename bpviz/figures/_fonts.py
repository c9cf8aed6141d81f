"""Fonts: which of those of a config are installed, and which texts of a figure have letters that they lack."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import bpviz.figures._matplotlib  # noqa: F401  # isort: skip  before other imports of matplotlib

from matplotlib import font_manager
from matplotlib.text import Text

from bpviz.messages.text import join_words, quote_value

if TYPE_CHECKING:
    from matplotlib.artist import Artist

DEFAULT = "DejaVu Sans"
_WITHOUT_LETTERS = "Last Resort"  # shows the block of a letter instead of the letter
_INVISIBLE = ("Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp")  # categories that fonts need no glyph for, or compose


@functools.cache
def _files() -> dict[str, str]:
    """Return the file of the regular face of every installed font, by name."""
    faces = sorted(
        font_manager.fontManager.ttflist,
        key=lambda face: (face.style != "normal", abs(_weight(face.weight) - 400), str(face.fname)),
    )
    return {face.name: face.fname for face in reversed(faces)}


def _weight(weight: int | str) -> int:
    return font_manager.weight_dict.get(weight, 400) if isinstance(weight, str) else weight


@functools.cache
def _letters(font: str) -> frozenset[int]:
    """Return the code points that a font has glyphs for."""
    try:
        return frozenset(font_manager.get_font(_files()[font]).get_charmap())
    except (OSError, RuntimeError):  # a file that is damaged or gone
        return frozenset()


def installed(fonts: Iterable[str]) -> list[str]:
    """Return the fonts that are installed, then DejaVu Sans, which matplotlib contains."""
    return list(dict.fromkeys([*(font for font in fonts if font in _files()), DEFAULT]))


_FORMULA = re.compile(r"\$[^$]*\$")


class Lacking(NamedTuple):
    """Fonts that a config names and that are not installed, and texts with the letters that no font has."""

    absent: tuple[str, ...] = ()
    fonts: tuple[str, ...] = ()
    letters: Mapping[str, str] = MappingProxyType({})  # by text


def lacking(drawn: Artist, fonts: Sequence[str]) -> Lacking:
    """Return what fonts lack for the texts of a figure or of axes."""
    used = installed(fonts)
    letters, needed = {}, 1
    for text in drawn.findobj(Text):
        words, fitting = text.get_text(), used
        if text.get_parse_math() and _FORMULA.search(words):  # matplotlib has only the first font next to formulas
            words, fitting = _FORMULA.sub("", words), used[:1]
        if text.get_visible() and (found := _missing(words, fitting)):
            letters[" ".join(text.get_text().split())] = found
            needed = max(needed, len(fitting))
    return Lacking(tuple(font for font in fonts if font not in _files()), tuple(used[:needed]), letters)


def remarks(found: Iterable[Lacking]) -> list[str]:
    """Return what fonts lack in figures, as one sentence about fonts and one about letters, each with a fix."""
    found = list(found)
    absent = dict.fromkeys(font for each in found for font in each.absent)
    letters = {text: each.letters[text] for each in found for text in each.letters}
    sentences = []
    if absent:
        named = join_words(map(quote_value, absent), "and")
        sentences.append(f"style.font: {named} not found; use the name of an installed font")
    if letters:
        text = min(letters, key=len)
        every = "".join(dict.fromkeys("".join(letters.values())))
        others = len(letters) - 1
        more = f" and {others} more {'text' if others == 1 else 'texts'}" if others else ""
        fonts = list(dict.fromkeys(font for each in found if each.letters for font in each.fonts))
        sentences.append(
            f"missing glyphs: {quote_value(text)}{more} in figures {'needs' if not others else 'need'} letters that "
            f"the font {join_words(fonts, 'and')} does not have ({_shown(every)}); {_remedy(every)}"
        )
    return sentences


def _shown(letters: str) -> str:
    return " ".join(letters[:6]) + (" ..." if len(letters) > 6 else "")


def _missing(text: str, fonts: Sequence[str]) -> str:
    """Return the letters of a text that no font has."""
    if text.isascii():
        return ""
    return "".join(
        letter
        for letter in text
        if not any(ord(letter) in _letters(font) for font in fonts)
        and (unicodedata.category(letter) not in _INVISIBLE or unicodedata.combining(letter))
    )


def _remedy(letters: str) -> str:
    """Return a fix that names an installed font with most of the letters, if there is one."""
    counts = {
        font: sum(ord(letter) in _letters(font) for letter in letters)
        for font in sorted(_files())
        if not font.startswith(_WITHOUT_LETTERS)
    }
    best = max(counts, key=lambda font: counts[font], default="")
    if best and counts[best]:
        return f"use `style: {{font: [{best}]}}`"
    return "install a font with them, such as Noto Sans, and use `style: {font: [NAME]}`"
