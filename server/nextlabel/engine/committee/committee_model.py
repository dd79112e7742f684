"""A committee of models: it predicts the mean of what its members predict (Seung et al., COLT 1992)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nextlabel.contracts.data import FloatArray, GraphItems, Items, Need, Outputs
from nextlabel.contracts.errors import PluginError, Unprocessable
from nextlabel.contracts.interfaces import Model, ModelInput
from nextlabel.engine.committee.onnx_average import write_average
from nextlabel.engine.fitted import fitted_items

_BATCH = 2048
"""Items that an inductive member predicts at a time."""

Arrays = Mapping[str, np.ndarray[Any, Any]]
_Predict = Callable[[Model, frozenset[Need]], Outputs]


class Committee(Model):
    """The models of several learners, all trained on the same project.

    Its probabilities are the mean of the members', its samples (T, n, C) are the T members'
    probabilities, and its embeddings those of the first member that has any. In regression its mean
    is that of the members' means, and its variance that of the mixture: the mean of the members'
    variances plus the variance of their means.

    If all members predict new content, so does the committee; if all are fitted to the same items,
    so is it. Otherwise it is transductive.
    """

    def __init__(self, members: Sequence[Model]) -> None:
        """Raises Unprocessable if all members predict new content, but of different formats."""
        self.members = tuple(members)
        alike = all(member.inductive for member in members) and len({fitted_items(member) for member in members}) == 1
        self.input = _common_input(members) if alike else None
        self.fitted = fitted_items(members[0]) if alike else 0

    def predict(self, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return the combined outputs; a transductive committee receives the whole pool."""
        if self.inductive:
            return self._combine(lambda member, part: member.predict(items, part, rng), needs)
        return self._combine(lambda member, part: _predict_pool(member, items, part, rng), needs)

    def predict_fitted(self, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
        """Return the combined outputs of the members' `predict_fitted`."""
        return self._combine(lambda member, part: member.predict_fitted(part, rng), needs)

    def tensors(self) -> Arrays:
        """Return the members' tensors; the names are prefixed by the number of the member, as in `0.weights`."""
        return _prefixed([member.tensors() for member in self.members])

    def training_state(self) -> Arrays:
        """Return the members' training states, with names prefixed as those of `tensors`."""
        return _prefixed([member.training_state() for member in self.members])

    def description(self) -> Mapping[str, Any]:
        """Return the members' descriptions."""
        return {"members": [member.description() for member in self.members]}

    def write_onnx(self, path: Path) -> bool:
        """Write one graph with all members if each has an ONNX form."""
        with TemporaryDirectory() as folder:
            files = [Path(folder) / f"{number}.onnx" for number in range(len(self.members))]
            written = all(member.write_onnx(file) for member, file in zip(self.members, files, strict=True))
            return written and write_average(files, path)

    def _combine(self, predict: _Predict, needs: frozenset[Need]) -> Outputs:
        outputs: list[Outputs] = []
        embeddings: FloatArray | None = None
        for member in self.members:
            outputs.append(predict(member, needs & {"embeddings"} if embeddings is None else frozenset()))
            if "embeddings" in needs and embeddings is None:
                embeddings = outputs[-1].embeddings
        if outputs[0].probabilities is not None:
            samples = _stack(outputs, "probabilities")
            stacked = samples if "samples" in needs else None
            return Outputs(probabilities=samples.mean(axis=0), embeddings=embeddings, samples=stacked)
        means, stds = _stack(outputs, "mean"), _stack(outputs, "std")
        std = np.sqrt((stds**2).mean(axis=0) + means.var(axis=0))
        return Outputs(mean=means.mean(axis=0), std=std, embeddings=embeddings)


def _prefixed(members: Sequence[Arrays]) -> Arrays:
    return {f"{number}.{name}": array for number, arrays in enumerate(members) for name, array in arrays.items()}


def member_tensors(tensors: Arrays, number: int) -> dict[str, np.ndarray[Any, Any]]:
    """Return the tensors, or the training state, of one member, by the names that it gave them."""
    prefix = f"{number}."
    return {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}


def _common_input(members: Sequence[Model]) -> ModelInput:
    spec = members[0].input
    for number, member in enumerate(members):
        if member.input != spec:
            raise Unprocessable(
                f"the members of a committee must take the same input; the first takes {spec}, "
                f"and member {number + 1} {member.input}: set their parameters so that both agree"
            )
    return spec


def _predict_pool(member: Model, items: Items, needs: frozenset[Need], rng: np.random.Generator) -> Outputs:
    """Return a member's outputs for the whole pool, which it was fitted with if it is not inductive."""
    if fitted_items(member):
        return member.predict_fitted(needs, rng)
    if not member.inductive or isinstance(items, GraphItems):
        return member.predict(items, needs, rng)
    parts = [
        member.predict(items.take(np.arange(start, min(start + _BATCH, len(items)))), needs, rng)
        for start in range(0, len(items), _BATCH)
    ]
    arrays = {
        name: [getattr(part, name) for part in parts] for name, array in vars(parts[0]).items() if array is not None
    }
    return Outputs(**{name: np.concatenate(rows) for name, rows in arrays.items() if name != "samples"})


def _stack(outputs: Sequence[Outputs], name: str) -> FloatArray:
    """Return (T, n, ...). Raises PluginError if a member did not return this output, or of another shape."""
    arrays = [getattr(output, name) for output in outputs]
    shapes = [None if array is None else array.shape for array in arrays]
    if None in shapes or len(set(shapes)) > 1:
        raise PluginError(f"the members of the committee returned {name} of the shapes {shapes}")
    return np.stack(arrays)
