"""The labels of one project: submit them, and read their history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nextlabel.engine.labels.submit import store_labels
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.records import HistoryRow, LabelInput, history_row
from nextlabel.engine.services import Services
from nextlabel.store import labels
from nextlabel.store.projects import ProjectRow


class LabelService:
    """Submits and reads labels. `row` returns the imported project, or raises NotReady."""

    def __init__(self, services: Services, config: ProjectConfig, row: Callable[[], ProjectRow]) -> None:
        self._services = services
        self._config = config
        self._row = row

    def submit(self, annotator: str, submitted: Sequence[LabelInput], key: str | None = None) -> int:
        """Store labels, all or none, and return how many. They are on disk when this returns.

        The same `key` with the same labels stores nothing and returns the same number; with other
        labels it raises Conflict.
        """
        return store_labels(self._services, self._config, self._row(), annotator, submitted, key)

    def history(self) -> Iterator[HistoryRow]:
        """Return every label ever stored, oldest first, read a page at a time."""
        self._row()
        pages = labels.pages(self._services.database, self._config.name)
        return (history_row(label) for page in pages for label in page)
