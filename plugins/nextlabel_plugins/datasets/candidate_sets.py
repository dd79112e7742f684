"""Known classes hidden behind candidate sets, as partial-label learning is measured.

uniform   each wrong class joins with the same chance (Lv et al., "Progressive
          Identification of True Labels for Partial-Label Learning", ICML 2020)
pair      one wrong class alone may join, the look-alike: annotators who waver between
          a cat and a dog, and never think of a ship
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

import numpy as np

from nextlabel.contracts import BoolArray, Bounds, IntArray

Kind: TypeAlias = Literal["uniform", "pair"]
NONE: Mapping[str, str] = MappingProxyType({})
STREAM = int.from_bytes(b"candidate sets", "big")
"""Sets these draws apart from all others that are made from a project's seed."""


@dataclass(frozen=True)
class PartialParameters:
    """Parameters of the data sets that can hide what they know behind candidate sets."""

    partial_rate: Annotated[
        float,
        Bounds(ge=0, lt=1),
        "chance of a wrong class to join an item's candidate set; 0: no sets are given, unless partial_min is 2",
    ] = 0.0
    partial: Annotated[Kind, "which wrong classes may join: all (uniform), or the look-alike alone (pair)"] = "uniform"
    partial_min: Annotated[
        int,
        Bounds(ge=1, le=2),
        "fewest classes of a set; 2: a wrong one joins wherever chance brought none, so no item is fully labelled",
    ] = 1

    @property
    def hidden(self) -> bool:
        """Whether there are sets at all."""
        return self.partial_rate > 0 or self.partial_min > 1


def generator(seed: int) -> np.random.Generator:
    """Return the generator of a project's candidate sets: PCG64, the same on every machine."""
    return np.random.Generator(np.random.PCG64([STREAM, seed]))


def candidate_sets(
    truth: IntArray,
    classes: Sequence[str],
    parameters: PartialParameters,
    rng: np.random.Generator,
    look_alikes: Mapping[str, str] = NONE,
) -> BoolArray:
    """Return (n, C) sets that hold the class in `truth` (n,) and the wrong ones that chance lets join.

    `look_alikes` names the class that a class is taken for, as `pair` needs it; where it
    names none that is the next one, y + 1 mod C, as in the authors' code. Of one generator's
    state, the sets of a smaller rate lie within those of a larger one.
    """
    size = len(classes)
    if parameters.partial == "pair":
        may_join = np.zeros((size, size), np.bool_)
        may_join[np.arange(size), partners(classes, look_alikes)] = True
    else:
        may_join = ~np.eye(size, dtype=np.bool_)
    # a class that may not join never has the smallest draw, nor one below the rate
    draws = np.where(may_join[truth], rng.random((len(truth), size)), np.inf)
    sets = draws < parameters.partial_rate
    if parameters.partial_min > 1:
        # all draws of such a row are beyond the rate, so each class has the same chance to be the smallest
        empty = np.flatnonzero(~sets.any(axis=1))
        sets[empty, draws[empty].argmin(axis=1)] = True
    sets[np.arange(len(truth)), truth] = True
    return np.asarray(sets)


def partners(classes: Sequence[str], look_alikes: Mapping[str, str]) -> IntArray:
    """Return (C,) the number of each class's look-alike. KeyError where it is no class."""
    number = {name: place for place, name in enumerate(classes)}
    following = {name: classes[(place + 1) % len(classes)] for name, place in number.items()}
    return np.array([number[look_alikes.get(name, following[name])] for name in classes], np.int64)
