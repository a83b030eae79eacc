"""What a mistyped word was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def meant(word: str, known: Iterable[str]) -> str:
    """`Did you mean this? ` with the known word that is nearest, or nothing where none is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"Did you mean {near[0]}? " if near else ""
