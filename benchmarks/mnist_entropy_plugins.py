"""A plugin for `mnist_entropy.py`: the learner `cnn`, whose models predict with dropout switched on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from nextlabel.contracts import Items, LearnerPlugin, Model, Need, Outputs, Targets, Training, hookimpl
from nextlabel_plugins.learners.cnn import CNN, CNNParameters
from nextlabel_plugins.networks.inference.image_model import ImageModel


class DropoutModel(ImageModel):
    """Its probabilities are one random draw per item. It has no ONNX form."""

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return the probabilities of the network in training mode."""
        del needs
        probabilities = [np.empty((0, self.network.shape.classes), np.float32)]
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(int(rng.integers(2**62)))
            self.network.train()
            for _, images in self._batches(items):
                probabilities.append(self.network(images).softmax(dim=1).numpy())
            self.network.eval()
        return Outputs(probabilities=np.concatenate(probabilities))

    def write_onnx(self, path: object) -> bool:
        """Return False: a graph has no dropout."""
        del path
        return False


class DropoutCNN(CNN):
    """Trains as `cnn` does."""

    def fit(self, items: Items, targets: Targets, training: Training) -> Model:
        """Return the model of `cnn`, which predicts with dropout."""
        model = super().fit(items, targets, training)
        return self._with_dropout(model)

    def rebuild(self, description: dict, tensors: dict) -> Model:
        """Return the model of these tensors."""
        return self._with_dropout(super().rebuild(description, tensors))

    def _with_dropout(self, model: Model) -> Model:
        model.__class__ = DropoutModel  # the same network, seed and optimizer state
        return model


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    """Offer the learner."""
    yield LearnerPlugin("cnn-with-dropout", "cnn, whose models predict with dropout", DropoutCNN, CNNParameters)
