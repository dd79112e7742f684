"""How many items of its pool a model was fitted with."""

from __future__ import annotations

from nextlabel.contracts.interfaces import Model


def fitted_items(model: Model) -> int:
    """Return how many items `predict_fitted` predicts; 0 if the model's class does not define it.

    `fitted` alone is not enough: models from before it was in the contract may have an attribute of
    that name, as those of scikit-learn.
    """
    return 0 if type(model).predict_fitted is Model.predict_fitted else model.fitted
