"""Characters that are invisible or look like others: what they stand for, and how messages name them."""

from __future__ import annotations

import unicodedata

_STANDS_FOR = {
    **dict.fromkeys("‐‑‒–—―−﹘﹣", "-"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‘’‚‛′", "'"),
    **dict.fromkeys("\x85\u2028\u2029\u2800", " "),
    **dict.fromkeys("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0", ""),  # invisible, but letters for Unicode
    "、": ",",
    "：": ": ",  # written without a space after it
    "，": ", ",
    **dict(zip("аеорсухіѕјАВЕКМНОРСТХІЅЈ", "aeopcyxisjABEKMHOPCTXISJ", strict=True)),  # Cyrillic
}

_ALIKE = ("<wide>", "<narrow>", "<font>", "<noBreak>", "<compat>")  # decompositions that keep the meaning


def stands_for(character: str) -> str | None:
    """Return the ASCII text that an unusual character stands for, "" if it is invisible; None for all others."""
    if character.isascii():
        return None
    if character in _STANDS_FOR:
        return _STANDS_FOR[character]
    category = unicodedata.category(character)
    if category == "Cf":  # zero width, direction of writing, byte order mark
        return ""
    if category == "Zs":
        return " "
    if category == "Nd":
        return str(unicodedata.digit(character))
    if not unicodedata.decomposition(character).startswith(_ALIKE):
        return None
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 and plain.isascii() else None


def plain(text: str) -> str:
    """Return text with ASCII in place of all characters that are invisible or look like others."""
    if text.isascii():
        return text
    return "".join(c if (ascii_text := stands_for(c)) is None else ascii_text for c in text)


def described(character: str) -> str:
    """Return the code point and the name of a character: ``U+00A0 (no-break space)``."""
    name = unicodedata.name(character, "next line" if character == "\x85" else "").lower()
    return f"U+{ord(character):04X}" + (f" ({name})" if name else "")


def complaint(character: str) -> str:
    """Return the message about a character for which ``stands_for`` returns a text."""
    meant = stands_for(character)
    if not meant:
        return f"invisible character {described(character)}; remove it"
    if meant == " ":
        return f"expected a space, got {described(character)}; use a space"
    return f"expected {meant.strip()!r}, got {described(character)}; use {meant.strip()!r}"
