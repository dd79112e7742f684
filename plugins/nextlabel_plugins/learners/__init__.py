"""Learners: one file each."""

from __future__ import annotations

from collections.abc import Iterator

from nextlabel.contracts import LearnerPlugin, hookimpl
from nextlabel_plugins.learners.cnn import CNNParameters
from nextlabel_plugins.learners.proden import ProdenParameters

HERE = "nextlabel_plugins.learners"


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    """Offer the learners in the box."""
    yield LearnerPlugin(
        "cnn",
        "a small convolutional network trained from scratch on candidate sets",
        f"{HERE}.cnn:CNN",
        CNNParameters,
    )
    yield LearnerPlugin(
        "proden",
        "progressive identification of the true label among candidates, with networks small and large",
        f"{HERE}.proden:Proden",
        ProdenParameters,
    )
