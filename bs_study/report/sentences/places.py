"""What a sentence is about: a cell, or batch sizes, each with its recipe where the study has several."""

from __future__ import annotations

from collections.abc import Iterable

from bs_study.analysis.trials import Cell
from bs_study.words import cell, count, counted, setting, some_sizes

Place = tuple[str, int]
"""A recipe and a batch size."""


def cell_of(one: Cell) -> str:
    """Return a cell, with its recipe where that has a name.

    >>> cell_of(Cell("", 64, 0.2)), cell_of(Cell("warm-up 1 epoch", 64, 0.2))
    ('batch size 64 at lr 0.2', 'batch size 64 at lr 0.2 (“warm-up 1 epoch”)')
    """
    return f"{cell(one.batch_size, one.lr)}{_of(one.recipe)}"


def cells_of(cells: Iterable[Cell]) -> str:
    """Return a cell, or how many there are and of which batch sizes.

    >>> cells_of([Cell("", 64, 0.2), Cell("", 64, 0.4), Cell("", 128, 0.4)])
    '3 cells of batch sizes 64 and 128'
    """
    each = list(dict.fromkeys(cells))
    return cell_of(each[0]) if len(each) == 1 else f"{counted(len(each), 'cell')} of {sizes_of(c[:2] for c in each)}"


def sizes_of(places: Iterable[Place]) -> str:
    """Return batch sizes and the recipes that they are of; how many there are where a list would fill a line.

    >>> sizes_of([("", 64), ("", 16)]), sizes_of([("a", 16)]), sizes_of([("a", 16), ("b", 16), ("b", 64)])
    ('batch sizes 16 and 64', 'batch size 16 (“a”)', '3 batch sizes of 2 recipes')
    """
    of_recipe: dict[str, set[int]] = {}
    for recipe, batch_size in places:
        of_recipe.setdefault(recipe, set()).add(batch_size)
    named = sum(map(len, of_recipe.values()))
    if len(of_recipe) > 1 and named > 2:
        return f"{count(named)} batch sizes of {len(of_recipe)} recipes"
    return " and ".join(f"{some_sizes(sorted(sizes))}{_of(recipe)}" for recipe, sizes in of_recipe.items())


def size_of(place: Place) -> str:
    """Return a batch size as short as a table or a range has it.

    >>> size_of(("", 64)), size_of(("a", 64))
    ('batch size 64', 'batch size 64 of “a”')
    """
    return f"batch size {setting(place[1])}{f' of “{place[0]}”' if place[0] else ''}"


def is_one(places: Iterable[object]) -> bool:
    """Return whether a verb is singular."""
    return len(set(places)) == 1


def _of(recipe: str) -> str:
    return f" (“{recipe}”)" if recipe else ""
