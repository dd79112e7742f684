"""A transductive model: one row of probabilities per item of the pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nextlabel.contracts import FloatArray, Items, Model, Need, Outputs
from nextlabel.contracts.errors import Unprocessable


class Table(Model):
    """Predicts the items of the pool it was fitted on, in their order."""

    def __init__(self, probabilities: FloatArray) -> None:
        self.probabilities = probabilities

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return the probabilities, also as embeddings. Raises Unprocessable for other items."""
        if len(items) != len(self.probabilities):
            raise Unprocessable(f"this model predicts only the {len(self.probabilities)} items of its pool")
        return Outputs(probabilities=self.probabilities, embeddings=self.probabilities)

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the probabilities."""
        return {"probabilities": self.probabilities}

    def description(self) -> Mapping[str, Any]:
        """Return nothing: the tensors are complete."""
        return {}
