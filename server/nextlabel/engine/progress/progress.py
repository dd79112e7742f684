"""The progress of a project, read from what is stored; no model runs here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from nextlabel.contracts.data import IntArray
from nextlabel.contracts.errors import NotFound, NotReady, Unprocessable
from nextlabel.engine.progress import confusion as confusion_matrix
from nextlabel.engine.progress.control_arm import control, reasons
from nextlabel.engine.progress.curve import curve
from nextlabel.engine.progress.label_issues import label_issues
from nextlabel.engine.progress.progress_records import (
    ClassTally,
    Confusion,
    Control,
    LabelCounts,
    ListedItem,
    Listing,
    Point,
)
from nextlabel.engine.progress.progress_view import ProgressView, read_view
from nextlabel.engine.records import Suggestion
from nextlabel.engine.scores import is_informative, unreadable_items
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items, labels, projects, statistics
from nextlabel.store.checkpoint_files import CARD
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.items import ItemRow
from nextlabel.store.labels import DATASET, Label

_HOUR = 3600.0


class Progress:
    """The progress of one project. Use one object per request: it reads everything once."""

    def __init__(self, services: Services, project: str) -> None:
        self._services = services
        self._project = project

    def curve(self) -> tuple[Point, ...]:
        """Return every checkpoint, oldest first; an empty tuple before the data set has been imported."""
        with self._services.database.read() as connection:
            row = projects.get(connection, self._project)
            rows = checkpoints.all(connection, self._project)
        return curve(rows, row.live if row else None, self._has_files)

    def labels(self) -> LabelCounts:
        """Return counts of labels by annotator and class. Raises NotReady until the data set has been imported."""
        row = self._services.row(self._project)
        with self._services.database.read() as connection:
            annotators = statistics.by_annotator(connection, row.name, row.classes, time.time() - _HOUR)
            live = checkpoints.get(connection, row.name, row.live) if row.live else None
            unseen = labels.count(connection, row.name, live.card["last_label"] if live else 0)
        recent = sum(tally.recent for tally in annotators if tally.annotator != DATASET)
        return LabelCounts(self._classes() if row.classes else (), tuple(annotators), recent, unseen)

    def confusion(self) -> Confusion:
        """Return the confusion matrix of the live checkpoint on the hold-out.

        Raises NotReady if there is nothing to compare yet, Unprocessable for regression or without a hold-out.
        """
        view, held, truth, predictions = self._holdout_predictions
        assert view.live is not None
        counts = confusion_matrix.table(truth, predictions, len(view.row.classes))
        return confusion_matrix.confusion(view.live.name, view.row.classes, counts, len(view.holdout) - len(held))

    def confused(self, true: str, predicted: str, page: int, size: int) -> Listing:
        """Return the held-out items of class `true` that are predicted as `predicted`.

        Raises NotFound for an unknown class, and what `confusion` raises.
        """
        view, held, truth, predictions = self._holdout_predictions
        for name in (true, predicted):
            if name not in view.row.classes:
                raise NotFound.name("class", name, view.row.classes)
        row, column = (view.row.classes.index(name) for name in (true, predicted))
        return self._listing(held[(truth == row) & (predictions == column)], page, size)

    def holds_out(self) -> bool:
        """Return whether items are held out, or will be once there are any. Raises NotReady before the import."""
        share = self._services.projects.get(self._project).labels.holdout
        return share > 0 or bool(self._services.state(self._services.row(self._project)).holdout.any())

    def known_holdout(self) -> int:
        """Return how many held-out items have a known label. Raises NotReady before the import."""
        row = self._services.row(self._project)
        return len(self._services.state(row).holdout_truth(self._services.pool(row.name).truth)[0])

    def conflicts(self, page: int, size: int) -> Listing:
        """Return items whose annotators have no class in common."""
        return self._listing(self._view.conflicts, page, size)

    def label_issues(self, page: int, size: int) -> Listing:
        """Return items whose full label is unlikely by the live checkpoint, the least likely first.

        Raises NotReady if it has no scores.
        """
        view = self._scored
        assert view.probabilities is not None
        return self._listing(label_issues(view.probabilities, view.full, view.labels), page, size)

    def control(self) -> Control:
        """Compare the control arm with the strategy under the live checkpoint. Raises NotReady if it has no scores."""
        view = self._scored
        assert view.live is not None
        assert view.probabilities is not None
        with self._services.database.read() as connection:
            why = reasons(statistics.chosen_under(connection, self._project, view.live.name))
            queried = np.isin(view.full, np.fromiter(why, np.int64, len(why))) & (view.full < len(view.probabilities))
            queried &= ~np.isin(view.full, self._unreadable(view, view.full[queried]))
            positions = view.full[queried]
            known = statistics.labelled_positions(connection, self._project, positions, view.live.card["last_label"])
        right = confusion_matrix.predicted(view.probabilities, positions) == view.labels[queried]
        return control(view.live.name, why, known, positions, right)

    @cached_property
    def _view(self) -> ProgressView:
        row = self._services.row(self._project)
        if not row.classes:
            raise Unprocessable(f"project {row.name!r} is a regression: it has no classes to compare")
        return read_view(self._services, row)

    @cached_property
    def _scored(self) -> ProgressView:
        """The view, with a live checkpoint and its scores. Raises NotReady if one is missing."""
        view = self._view
        if view.live is None:
            raise NotReady(f"project {self._project!r} has no trained model yet", 5)
        if view.probabilities is None:
            raise NotReady(f"the live checkpoint {view.live.name} has not scored the pool yet", 5)
        return view

    @cached_property
    def _holdout_predictions(self) -> tuple[ProgressView, IntArray, IntArray, IntArray]:
        """The view; held-out positions that are known, scored and readable (k,); their true and predicted classes."""
        view = self._scored
        assert view.probabilities is not None
        if not self.holds_out():
            raise Unprocessable("there is no hold-out to compare classes on: the project file has [labels] holdout = 0")
        if not len(view.holdout):
            raise NotReady("no held-out item has a known class yet", 5)
        scored = view.holdout < len(view.probabilities)
        scored &= ~np.isin(view.holdout, self._unreadable(view, view.holdout[scored]))
        held = view.holdout[scored]
        return view, held, view.truth[scored], confusion_matrix.predicted(view.probabilities, held)

    def _unreadable(self, view: ProgressView, positions: IntArray) -> IntArray:
        """Return those of the scored `positions` (k,) whose images cannot be read."""
        assert view.probabilities is not None
        if is_informative(view.probabilities, positions).all():
            return positions[:0]
        items_ = self._services.items(self._services.state(view.row))
        return unreadable_items(items_, view.probabilities, positions)

    def _classes(self) -> tuple[ClassTally, ...]:
        view = self._view
        full = np.bincount(view.labels, minlength=len(view.row.classes))
        return tuple(ClassTally(name, int(full[k]), int(view.named[k])) for k, name in enumerate(view.row.classes))

    def _has_files(self, row: CheckpointRow) -> bool:
        return (self._services.home.at(row.folder) / CARD).is_file()

    def _listing(self, positions: IntArray, page: int, size: int) -> Listing:
        pages = max(1, -(-len(positions) // size))
        page = min(max(page, 1), pages)
        shown = positions[(page - 1) * size : page * size]
        live = self._view.live.name if self._view.live else None
        row, places = self._view.row, shown.tolist()
        with self._services.database.read() as connection:
            rows = items.by_positions(connection, row.name, places)
            with self._services.label_state(row).current(connection) as state:
                current = {position: state.labels.current_labels(position) for position in places}
        listed = tuple(self._item(rows[position], current[position]) for position in places)
        return Listing(listed, len(positions), page, pages, live)

    def _item(self, item: ItemRow, current_labels: Mapping[str, Label]) -> ListedItem:
        view, position = self._view, item.position
        truth = _class_at(position, view.holdout, view.truth)
        if truth is None:
            truth = _class_at(position, view.full, view.labels)
        prediction = truth_probability = None
        if view.probabilities is not None and position < len(view.probabilities):
            probabilities = np.asarray(view.probabilities[position])
            best = int(probabilities.argmax())
            prediction = Suggestion(view.row.classes[best], float(probabilities[best]))
            truth_probability = None if truth is None else float(probabilities[truth])
        return ListedItem(
            id=item.id,
            holdout=item.holdout,
            current_labels=current_labels,
            truth=None if truth is None else view.row.classes[truth],
            prediction=prediction,
            truth_probability=truth_probability,
        )


def _class_at(position: int, positions: IntArray, classes: IntArray) -> int | None:
    """Return the class at `position`, or None. `positions` (k,) are sorted, `classes` (k,) belong to them."""
    index = int(np.searchsorted(positions, position))
    return int(classes[index]) if index < len(positions) and positions[index] == position else None
