"""The parameters of `gcn`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from nextlabel.contracts import Bounds


@dataclass(frozen=True)
class GCNParameters:
    """Parameters of `gcn`."""

    hidden: Annotated[int, Bounds(ge=1), "units of the hidden layer"] = 16
    epochs: Annotated[int, Bounds(ge=1), "updates, each on the whole graph"] = 200
    learning_rate: Annotated[float, Bounds(gt=0), "learning rate of Adam"] = 0.01
    weight_decay: Annotated[float, Bounds(ge=0), "factor of the weights that is added to their gradients"] = 5e-4
    decay_layers: Annotated[Literal["all", "first"], "layers that `weight_decay` is for"] = "all"
    dropout: Annotated[float, Bounds(ge=0, lt=1), "share of the hidden units dropped in training"] = 0.5
    input_dropout: Annotated[bool, "drop that share of the features too"] = False
    normalize_features: Annotated[bool, "divide the features of each node by the sum of their absolute values"] = False
