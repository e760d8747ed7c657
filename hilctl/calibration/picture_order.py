"""In which order pictures were taken, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping


def by_number(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts img_2 before img_10."""
    parts = re.split(r"([0-9]+)", name)
    return [(len(part.lstrip("0")) if i % 2 else 0, part) for i, part in enumerate(parts)]


def mixed_up(names: Iterable[str]) -> Mapping[str, dict[str, str]]:
    """Return what may have happened to (picture, pose) pairs whose names sort in two ways.

    Returns:
        In words → the name of a picture → the name that its pose was given. Empty where both
        orders are the same, as with img_002 and img_010.
    """
    alphabet = sorted(names)
    numbers = sorted(alphabet, key=by_number)
    if numbers == alphabet:
        return {}
    by_alphabet, by_numbers = (", ".join(order[:3]) for order in (alphabet, numbers))
    return {
        f"the poses fit the pictures in the order of their numbers: {by_numbers}, ..., not "
        f"{by_alphabet}; name the pictures in that order": dict(
            zip(numbers, alphabet, strict=True)
        ),
        f"the poses fit the pictures in the order of the alphabet: {by_alphabet}, ..., not "
        f"{by_numbers}; name the pictures in that order": dict(zip(alphabet, numbers, strict=True)),
    }
