"""Hides known classes behind random candidate sets, as experiments in partial-label learning do.

uniform   each wrong class joins with the same probability (Lv et al., "Progressive
          Identification of True Labels for Partial-Label Learning", ICML 2020)
pair      only one wrong class may join, the look-alike: like annotators who are unsure
          between a cat and a dog but never think of a ship
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

import numpy as np

from nextlabel.contracts import BoolArray, Bounds, IntArray

Kind: TypeAlias = Literal["uniform", "pair"]
NO_LOOK_ALIKES: Mapping[str, str] = MappingProxyType({})
STREAM = int.from_bytes(b"candidate sets", "big")
"""Separates these random numbers from all others that are derived from a project's seed."""


@dataclass(frozen=True)
class PartialParameters:
    """Parameters of the data sets that can hide their truth behind candidate sets."""

    partial_rate: Annotated[
        float,
        Bounds(ge=0, lt=1),
        "probability of each wrong class to join an item's candidate set; 0: no sets, unless partial_min is 2",
    ] = 0.0
    partial: Annotated[Kind, "wrong classes that may join: all (uniform), or only the look-alike (pair)"] = "uniform"
    partial_min: Annotated[
        int,
        Bounds(ge=1, le=2),
        "minimum size of a set; 2: a set without a wrong class gets one, so no item is fully labelled",
    ] = 1

    @property
    def hides_truth(self) -> bool:
        """Whether there are candidate sets at all."""
        return self.partial_rate > 0 or self.partial_min > 1


def generator(seed: int) -> np.random.Generator:
    """Return the generator of a project's candidate sets: PCG64, equal on every machine."""
    return np.random.Generator(np.random.PCG64([STREAM, seed]))


def candidate_sets(
    truth: IntArray,
    classes: Sequence[str],
    parameters: PartialParameters,
    rng: np.random.Generator,
    look_alikes: Mapping[str, str] = NO_LOOK_ALIKES,
) -> BoolArray:
    """Return (n, C) candidate sets with the class in `truth` (n,) and random wrong classes.

    `look_alikes` names the look-alike of a class for `pair`. For a class without one it is the
    next class, y + 1 mod C, as in the authors' code. For the same state of the generator, the
    sets of a smaller rate are subsets of those of a larger one.
    """
    size = len(classes)
    if parameters.partial == "pair":
        may_join = np.zeros((size, size), np.bool_)
        may_join[np.arange(size), partners(classes, look_alikes)] = True
    else:
        may_join = ~np.eye(size, dtype=np.bool_)
    # the infinite draw of a class that may not join is never the smallest, nor below the rate
    draws = np.where(may_join[truth], rng.random((len(truth), size)), np.inf)
    sets = draws < parameters.partial_rate
    if parameters.partial_min > 1:
        # all draws of such a row are above the rate, so each class is equally likely to have the smallest
        empty = np.flatnonzero(~sets.any(axis=1))
        sets[empty, draws[empty].argmin(axis=1)] = True
    sets[np.arange(len(truth)), truth] = True
    return np.asarray(sets)


def partners(classes: Sequence[str], look_alikes: Mapping[str, str]) -> IntArray:
    """Return (C,) the number of each class's look-alike. Raises KeyError if a look-alike is not a class."""
    number = {name: index for index, name in enumerate(classes)}
    following = {name: classes[(index + 1) % len(classes)] for name, index in number.items()}
    return np.array([number[look_alikes.get(name, following[name])] for name in classes], np.int64)
