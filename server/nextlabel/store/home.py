"""What lies beside the database: uploads, pools, checkpoints, scores, logs."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nextlabel.contracts.errors import BadRequest, Conflict, Unprocessable
from nextlabel.store import temp_dirs

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHIPPED = "trained:"


def check_writable(folder: Path) -> None:
    """Raise Unprocessable where `folder` is not there and cannot be made, or nothing can be written to it."""
    folder = folder.absolute()
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    if not nearest.is_dir():
        raise Unprocessable(f"nothing can be written to {folder}: {nearest} is no folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise Unprocessable(f"nothing can be written to {folder}: {nearest} is not this user's to write to")


@dataclass(frozen=True)
class Home:
    """The folder NEXTLABEL_HOME; its methods say where things lie and make nothing unless they say so."""

    root: Path
    trained: Path | None = None
    """The folder of the checkpoints that ship with the product; only ever read."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.absolute())
        if self.trained is not None:
            object.__setattr__(self, "trained", self.trained.absolute())

    def name(self, path: Path) -> str:
        """Return how `path` is named in the database: below either folder by the rest, so that both can move."""
        if path.is_relative_to(self.root):
            return str(path.relative_to(self.root))
        if self.trained is not None and path.is_relative_to(self.trained):
            return _SHIPPED + str(path.relative_to(self.trained))
        return str(path.absolute())

    def at(self, name: str) -> Path:
        """Return the path that `name` named."""
        if self.trained is not None and name.startswith(_SHIPPED):
            return self.trained / name.removeprefix(_SHIPPED)
        return self.root / name

    def upload_path(self, sha256: str) -> Path:
        """Return where the upload of that content lies. BadRequest if `sha256` is not one."""
        if not _SHA256.fullmatch(sha256):
            raise BadRequest(f"{sha256!r} is not a SHA-256")
        return self.root / "uploads" / sha256[:2] / sha256

    def pool(self, project: str) -> Path:
        """Return the folder of what a project's data set was turned into."""
        return self.root / "pools" / _checked(project)

    def empty_pool(self, project: str) -> Path:
        """Return the folder that describes a pool people fill; no project has a dot in its name."""
        return self.root / "pools" / f"{_checked(project)}.people"

    def checkpoint(self, project: str, name: str) -> Path:
        """Return the folder of a checkpoint."""
        return self.root / "checkpoints" / _checked(project) / _checked(name)

    def scores(self, project: str, name: str) -> Path:
        """Return the folder of a scoring."""
        return self.root / "scores" / _checked(project) / _checked(name)

    def job_log(self, job: int) -> Path:
        """Return the log file of a job."""
        return self.root / "jobs" / f"{job}.log"

    def save_upload(self, data: bytes) -> str:
        """Keep `data` and return its SHA-256; on disk before it returns, the same content once."""
        sha256 = hashlib.sha256(data).hexdigest()
        target = self.upload_path(sha256)
        if not target.exists():
            make_folder(target.parent)
            with temp_dirs.partial(target.parent) as folder:
                part = folder / sha256
                part.write_bytes(data)
                sync(part)
                part.replace(target)
        # also where it was there: somebody else may have put it there just now
        sync(target.parent)
        return sha256

    @contextmanager
    def new_directory(self, target: Path) -> Iterator[Path]:
        """Yield an empty folder to fill; it becomes `target`, whole and on disk, or nothing does.

        Conflict if `target` exists, before and after. Where the block raises, or the process
        dies, no `target` is seen.
        """
        if target.exists():
            raise Conflict(f"{target} exists already")
        make_folder(target.parent)
        with temp_dirs.partial(target.parent) as folder:
            yield folder
            for path in [*folder.rglob("*"), folder]:
                sync(path)
            try:
                folder.rename(target)
            except OSError as error:
                raise Conflict(f"{target} exists already") from error
            sync(target.parent)

    def sweep_unfinished(self, project: str) -> None:
        """Remove what a job of that project had begun to write when its process ended."""
        for folder in (self.root / "pools", self.root / "checkpoints" / project, self.root / "scores" / project):
            for path in folder.glob(f"{temp_dirs.PREFIX}*"):
                temp_dirs.remove_abandoned(path)

    def sweep(self, keep: Container[Path], grace: float = 0.0) -> list[Path]:
        """Remove what crashes left behind, and return it.

        That is unfinished work whose maker is gone, and folders of checkpoints and scores not
        in `keep` (paths as `checkpoint` and `scores` give them) that are older than `grace`
        seconds: between its folder and its row in the database a new one is in neither.
        """
        removed = []
        for area in ("uploads", "pools", "checkpoints", "scores"):
            folder = self.root / area
            unfinished = [*folder.glob(f"{temp_dirs.PREFIX}*"), *folder.glob(f"*/{temp_dirs.PREFIX}*")]
            removed += [path for path in unfinished if temp_dirs.remove_abandoned(path)]
        oldest = time.time() - grace
        for area in ("checkpoints", "scores"):
            for path in sorted((self.root / area).glob("*/*")):
                named = path.name.startswith(temp_dirs.PREFIX) or path in keep
                if not named and path.is_dir() and path.stat().st_mtime <= oldest:
                    shutil.rmtree(path)
                    removed.append(path)
        return removed


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, each on disk before the next."""
    missing = [path for path in [folder, *folder.parents] if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadRequest(f"{name!r} cannot be a folder's name: letters, digits, '_', '-' and '.', not first")
    return name
