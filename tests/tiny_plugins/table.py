"""A model that knows only its pool: a row of probabilities an item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nextlabel.contracts import FloatArray, Items, Model, Need, Outputs
from nextlabel.contracts.errors import Unprocessable


class Table(Model):
    """Answers for the pool it was fitted with, in its order."""

    def __init__(self, probabilities: FloatArray) -> None:
        self.probabilities = probabilities

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return the table, which serves as embeddings too."""
        if len(items) != len(self.probabilities):
            raise Unprocessable(f"this model knows its {len(self.probabilities)} items and no others")
        return Outputs(probabilities=self.probabilities, embeddings=self.probabilities)

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the table."""
        return {"probabilities": self.probabilities}

    def description(self) -> Mapping[str, Any]:
        """Return nothing: the table is all."""
        return {}
