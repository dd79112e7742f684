"""Built-in learners, one file each."""

from __future__ import annotations

from collections.abc import Iterator

from nextlabel.contracts import LearnerPlugin, hookimpl
from nextlabel_plugins.learners.cnn import CNNParameters
from nextlabel_plugins.learners.gp import GPParameters
from nextlabel_plugins.learners.label_spreading import LabelSpreadingParameters
from nextlabel_plugins.learners.linear import LinearParameters
from nextlabel_plugins.learners.proden import ProdenParameters

PACKAGE = "nextlabel_plugins.learners"


@hookimpl
def nextlabel_learners() -> Iterator[LearnerPlugin]:
    """Yield the built-in learners."""
    yield LearnerPlugin(
        "cnn",
        "a small convolutional network trained from scratch on candidate sets",
        f"{PACKAGE}.cnn:CNN",
        CNNParameters,
    )
    yield LearnerPlugin(
        "linear",
        "multinomial logistic regression on features, vectors or small images",
        f"{PACKAGE}.linear:Linear",
        LinearParameters,
    )
    yield LearnerPlugin(
        "proden",
        "PRODEN: identifies the true label among the candidates during training, with small and large networks",
        f"{PACKAGE}.proden:Proden",
        ProdenParameters,
    )
    yield LearnerPlugin(
        "gp",
        "Gaussian process regression of vectors: mean and standard deviation",
        f"{PACKAGE}.gp:GP",
        GPParameters,
    )
    yield LearnerPlugin(
        "label-spreading",
        "spreads labels to similar items, over a graph of all items or of each one's nearest",
        f"{PACKAGE}.label_spreading:LabelSpreading",
        LabelSpreadingParameters,
        transductive=True,
    )
