"""How a project goes, read from what is stored: nothing here runs a model."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from nextlabel.contracts.data import IntArray
from nextlabel.contracts.errors import NotFound, NotReady, Unprocessable
from nextlabel.engine.progress import confusion as confusing
from nextlabel.engine.progress.control_arm import control, reasons
from nextlabel.engine.progress.curve import curve
from nextlabel.engine.progress.label_issues import doubtful
from nextlabel.engine.progress.progress_records import ClassTally, Confusion, Control, Labels, Listing, Point, Shown
from nextlabel.engine.progress.progress_view import Snapshot, take
from nextlabel.engine.records import Suggestion
from nextlabel.engine.scores import decided
from nextlabel.engine.services import Services
from nextlabel.store import checkpoints, items, labels, projects, statistics
from nextlabel.store.checkpoint_files import CARD
from nextlabel.store.checkpoints import CheckpointRow
from nextlabel.store.items import ItemRow
from nextlabel.store.labels import DATASET, Label

_HOUR = 3600.0


class Progress:
    """One project's progress. Made for one request: what it has read, it does not read again."""

    def __init__(self, services: Services, project: str) -> None:
        self._services = services
        self._project = project

    def curve(self) -> tuple[Point, ...]:
        """Return every checkpoint, oldest first; none before the data set has been read."""
        with self._services.database.read() as connection:
            row = projects.get(connection, self._project)
            found = checkpoints.all(connection, self._project)
        return curve(found, row.live if row else None, self._kept)

    def labels(self) -> Labels:
        """Return who said how much, and of what. NotReady until the data set has been read."""
        row = self._services.row(self._project)
        with self._services.database.read() as connection:
            annotators = statistics.by_annotator(connection, row.name, row.classes, time.time() - _HOUR)
            live = checkpoints.get(connection, row.name, row.live) if row.live else None
            unseen = labels.count(connection, row.name, live.card["last_label"] if live else 0)
        recent = sum(one.recent for one in annotators if one.annotator != DATASET)
        return Labels(self._classes() if row.classes else (), tuple(annotators), recent, unseen)

    def confusion(self) -> Confusion:
        """Return the live checkpoint on the hold-out, class by class.

        NotReady where something is missing for it, Unprocessable for regression; both say what.
        """
        now, held, truth, said = self._judged
        assert now.live is not None
        counts = confusing.table(truth, said, len(now.row.classes))
        return confusing.confusion(now.live.name, now.row.classes, counts, len(now.holdout) - len(held))

    def confused(self, true: str, predicted: str, page: int, size: int) -> Listing:
        """Return held-out items of the class `true` that are taken for `predicted`; NotFound, and as `confusion`."""
        now, held, truth, said = self._judged
        for name in (true, predicted):
            if name not in now.row.classes:
                raise NotFound.name("class", name, now.row.classes)
        row, column = (now.row.classes.index(name) for name in (true, predicted))
        return self._listing(held[(truth == row) & (said == column)], page, size)

    def contested(self, page: int, size: int) -> Listing:
        """Return items whose annotators have no class in common."""
        return self._listing(self._now.contested, page, size)

    def doubtful(self, page: int, size: int) -> Listing:
        """Return items whose full label the live checkpoint finds all but impossible, the least likely first.

        NotReady where it has no scores.
        """
        now = self._scored
        assert now.probabilities is not None
        return self._listing(doubtful(now.probabilities, now.full, now.labels), page, size)

    def control(self) -> Control:
        """Return what the control arm tells of the live checkpoint; NotReady where it has no scores."""
        now = self._scored
        assert now.live is not None
        assert now.probabilities is not None
        with self._services.database.read() as connection:
            why = reasons(statistics.chosen_under(connection, self._project, now.live.name))
            asked = np.isin(now.full, np.fromiter(why, np.int64, len(why))) & (now.full < len(now.probabilities))
            asked[asked] = decided(now.probabilities, now.full[asked])
            places = now.full[asked]
            known = statistics.spoken_of(connection, self._project, places, now.live.card["last_label"])
        right = confusing.predicted(now.probabilities, places) == now.labels[asked]
        return control(now.live.name, why, known, places, right)

    @cached_property
    def _now(self) -> Snapshot:
        row = self._services.row(self._project)
        if not row.classes:
            raise Unprocessable(f"project {row.name!r} is a regression: it has no classes to compare")
        return take(self._services, row)

    @cached_property
    def _scored(self) -> Snapshot:
        now = self._now
        if now.live is None:
            raise NotReady(f"project {self._project!r} has no trained model yet", 5)
        if now.probabilities is None:
            raise NotReady(f"the live checkpoint {now.live.name} has not scored the pool yet", 5)
        return now

    @cached_property
    def _judged(self) -> tuple[Snapshot, IntArray, IntArray, IntArray]:
        """Return held-out positions that are known, scored and readable (k,), their class and the predicted."""
        now = self._scored
        assert now.probabilities is not None
        if not len(now.holdout):
            raise NotReady("no held-out item has a known class yet", 5)
        scored = now.holdout < len(now.probabilities)
        scored[scored] = decided(now.probabilities, now.holdout[scored])
        held = now.holdout[scored]
        return now, held, now.truth[scored], confusing.predicted(now.probabilities, held)

    def _classes(self) -> tuple[ClassTally, ...]:
        now = self._now
        full = np.bincount(now.labels, minlength=len(now.row.classes))
        return tuple(ClassTally(name, int(full[k]), int(now.named[k])) for k, name in enumerate(now.row.classes))

    def _kept(self, row: CheckpointRow) -> bool:
        return (self._services.home.at(row.folder) / CARD).is_file()

    def _listing(self, positions: IntArray, page: int, size: int) -> Listing:
        pages = max(1, -(-len(positions) // size))
        page = min(max(page, 1), pages)
        shown = positions[(page - 1) * size : page * size]
        live = self._now.live.name if self._now.live else None
        return Listing(self._shown(shown), len(positions), page, pages, live)

    def _shown(self, positions: IntArray) -> tuple[Shown, ...]:
        row, places = self._now.row, [int(position) for position in positions]
        with self._services.database.read() as connection:
            found = items.by_positions(connection, row.name, places)
            with self._services.label_state(row).current(connection) as state:
                current = {place: state.labels.current_labels(place) for place in places}
        return tuple(self._look(found[place], current[place]) for place in places)

    def _look(self, item: ItemRow, current_labels: Mapping[str, Label]) -> Shown:
        now, place = self._now, item.position
        known = _class_at(place, now.holdout, now.truth)
        if known is None:
            known = _class_at(place, now.full, now.labels)
        guess = given = None
        if now.probabilities is not None and place < len(now.probabilities):
            says = np.asarray(now.probabilities[place])
            best = int(says.argmax())
            guess = Suggestion(now.row.classes[best], float(says[best]))
            given = None if known is None else float(says[known])
        return Shown(
            id=item.id,
            holdout=item.holdout,
            current_labels=current_labels,
            truth=None if known is None else now.row.classes[known],
            guess=guess,
            given=given,
        )


def _class_at(place: int, positions: IntArray, classes: IntArray) -> int | None:
    """Return the class (k,) that goes with a place among the sorted `positions` (k,), if it is there."""
    found = int(np.searchsorted(positions, place))
    return int(classes[found]) if found < len(positions) and positions[found] == place else None
