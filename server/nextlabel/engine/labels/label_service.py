"""The labels of one project: submit them, and read their history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nextlabel.engine.labels.pool_state import LabelStateCache
from nextlabel.engine.labels.submit import SubmittedLabel, submit_labels
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.store import labels
from nextlabel.store.database import Database
from nextlabel.store.labels import LabelEvent
from nextlabel.store.projects import ProjectRow


class LabelService:
    """Submits and reads labels. `row` returns the imported project, or raises NotReady.

    `label_state` returns the cached label state of an imported project.
    """

    def __init__(
        self,
        database: Database,
        label_state: Callable[[ProjectRow], LabelStateCache],
        config: ProjectConfig,
        row: Callable[[], ProjectRow],
    ) -> None:
        self._database = database
        self._label_state = label_state
        self._config = config
        self._row = row

    def submit(self, annotator: str, submitted: Sequence[SubmittedLabel], key: str | None = None) -> int:
        """Store labels, each with its item's id, all or none, and return how many.

        They are on disk when this returns. The same `key` with the same labels stores nothing and
        returns the same number; with other labels it raises Conflict.
        """
        label_state = self._label_state(self._row())
        return submit_labels(self._database, label_state, self._config, annotator, submitted, key)

    def history(self) -> Iterator[LabelEvent]:
        """Return every label ever stored, oldest first, read one page at a time."""
        self._row()
        pages = labels.pages(self._database, self._config.name)
        return (stored.event for page in pages for stored in page)
