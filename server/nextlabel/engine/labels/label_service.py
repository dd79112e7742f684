"""The labels of one project: submit them, and read their history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from nextlabel.engine.labels.submit import ItemLabel, submit_labels
from nextlabel.engine.project_files import ProjectConfig
from nextlabel.engine.services import Services
from nextlabel.store import labels
from nextlabel.store.labels import LabelEvent
from nextlabel.store.projects import ProjectRow


class LabelService:
    """Submits and reads labels. `row` returns the imported project, or raises NotReady."""

    def __init__(self, services: Services, config: ProjectConfig, row: Callable[[], ProjectRow]) -> None:
        self._services = services
        self._config = config
        self._row = row

    def submit(self, annotator: str, submitted: Sequence[ItemLabel], key: str | None = None) -> int:
        """Store labels, each with its item's id, all or none, and return how many.

        They are on disk when this returns. The same `key` with the same labels stores nothing and
        returns the same number; with other labels it raises Conflict.
        """
        return submit_labels(self._services, self._config, self._row(), annotator, submitted, key)

    def history(self) -> Iterator[LabelEvent]:
        """Return every label ever stored, oldest first, read one page at a time."""
        self._row()
        pages = labels.pages(self._services.database, self._config.name)
        return (stored.event for page in pages for stored in page)
