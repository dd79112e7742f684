"""Built-in learners, one file each."""

from __future__ import annotations

from collections.abc import Iterator

from nextlabel.contracts import LearnerPlugin, hookimpl
from nextlabel_plugins.learners.autoencoder import AutoencoderParameters
from nextlabel_plugins.learners.cnn import CNNParameters
from nextlabel_plugins.learners.flexmatch import FlexMatchParameters
from nextlabel_plugins.learners.gcn_parameters import GCNParameters
from nextlabel_plugins.learners.gp import GPParameters
from nextlabel_plugins.learners.label_spreading import LabelSpreadingParameters
from nextlabel_plugins.learners.linear import LinearParameters
from nextlabel_plugins.learners.proden import ProdenParameters
from nextlabel_plugins.learners.pseudo_label import PseudoLabelParameters

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
    yield LearnerPlugin(
        "pseudo-label",
        "a convolutional network that learns from labels and from its own confident predictions",
        f"{PACKAGE}.pseudo_label:PseudoLabel",
        PseudoLabelParameters,
    )
    yield LearnerPlugin(
        "autoencoder",
        "a classifier on the codes of an autoencoder, which is trained on images without labels first",
        f"{PACKAGE}.autoencoder:Autoencoder",
        AutoencoderParameters,
    )
    yield LearnerPlugin(
        "flexmatch",
        "FlexMatch: learns images from few labels and many unlabelled items, by pseudo-labels",
        f"{PACKAGE}.flexmatch:FlexMatch",
        FlexMatchParameters,
    )
    yield LearnerPlugin(
        "gcn",
        "graph convolutional network: learns the classes of the nodes of a graph (needs nextlabel[graph])",
        f"{PACKAGE}.gcn:GCN",
        GCNParameters,
        transductive=True,
    )
