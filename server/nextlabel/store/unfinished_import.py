"""The import of a data set in many short transactions, of which readers see nothing until the last.

Until `projects.set_dataset`, the project is hidden or has only uploads: `items` and `labels` leave
out everything else. What a killed import left is deleted before the next one.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete

from nextlabel.store import items, labels
from nextlabel.store.schema import items as _items
from nextlabel.store.schema import labels as _labels

PART = 2000
"""Rows that one transaction writes or deletes: 10 ms of CPU time, and the wait for the disk."""


def delete_part(c: Connection, project: str) -> bool:
    """Delete at most `PART` labels or items of an unfinished import, from the end; return whether there were any.

    Behind visible items there are no labels of an unfinished import, which are stored last and at once.
    """
    visible = items.count(c, project)
    if not visible and (last := labels.last(c, project)):
        c.execute(delete(_labels).where(_labels.c.project == project, _labels.c.id > last - PART))
    elif (size := items.stored(c, project)) > visible:
        from_here = max(visible, size - PART)
        c.execute(delete(_items).where(_items.c.project == project, _items.c.position >= from_here))
    else:
        return False
    return True
