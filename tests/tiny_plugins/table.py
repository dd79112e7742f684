"""A transductive model: one row of probabilities per item of the pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nextlabel.contracts import FloatArray, Items, Model, Need, Outputs
from nextlabel.contracts.errors import Unprocessable


class Table(Model):
    """Predicts the items of the pool it was fitted on, in their order."""

    def __init__(self, probabilities: FloatArray, embeddings: FloatArray | None = None) -> None:
        """`embeddings` (n, D) are the probabilities if left out."""
        self.probabilities = probabilities
        self.embeddings = probabilities if embeddings is None else embeddings

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return the rows. Raises Unprocessable for other items."""
        if len(items) != len(self.probabilities):
            raise Unprocessable(f"this model predicts only the {len(self.probabilities)} items of its pool")
        return Outputs(probabilities=self.probabilities, embeddings=self.embeddings)

    def tensors(self) -> Mapping[str, np.ndarray[Any, Any]]:
        """Return the rows."""
        return {"probabilities": self.probabilities, "embeddings": self.embeddings}

    def description(self) -> Mapping[str, Any]:
        """Return nothing: the tensors are complete."""
        return {}
