"""The home folder: where uploads, pools, checkpoints, scores and logs lie beside the database."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from nextlabel.contracts.errors import BadRequest, Unprocessable
from nextlabel.store import temp_dirs
from nextlabel.store.atomic import new_file, sync

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BUNDLED = "trained:"


def check_writable(folder: Path) -> None:
    """Raise Unprocessable if `folder` cannot be created, or nothing can be written to it."""
    folder = folder.absolute()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        raise Unprocessable(f"nothing can be written to {folder}: {nearest} is not a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise Unprocessable(f"nothing can be written to {folder}: this user may not write to {nearest}")


@dataclass(frozen=True)
class Home:
    """The folder NEXTLABEL_HOME. Methods that return a path create nothing."""

    root: Path
    trained: Path | None = None
    """The folder of the checkpoints that ship with the product; it is only ever read."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.absolute())
        if self.trained is not None:
            object.__setattr__(self, "trained", self.trained.absolute())

    def name(self, path: Path) -> str:
        """Return the name of `path` for the database: relative to either folder, so that both can be moved."""
        if path.is_relative_to(self.root):
            return str(path.relative_to(self.root))
        if self.trained is not None and path.is_relative_to(self.trained):
            return _BUNDLED + str(path.relative_to(self.trained))
        return str(path.absolute())

    def at(self, name: str) -> Path:
        """Return the path whose `name` is given."""
        if self.trained is not None and name.startswith(_BUNDLED):
            return self.trained / name.removeprefix(_BUNDLED)
        return self.root / name

    def upload_path(self, sha256: str) -> Path:
        """Return the path of an upload with that content. Raises BadRequest if `sha256` is none."""
        if not _SHA256.fullmatch(sha256):
            raise BadRequest(f"{sha256!r} is not a SHA-256")
        return self.root / "uploads" / sha256[:2] / sha256

    def pool(self, project: str) -> Path:
        """Return the folder of a project's imported data set."""
        return self.root / "pools" / _checked(project)

    def empty_pool(self, project: str) -> Path:
        """Return the folder that describes a pool filled by uploads; no project has a dot in its name."""
        return self.root / "pools" / f"{_checked(project)}.people"

    def sample_pool(self, project: str) -> Path:
        """Return the folder with the images of a sample, and the description of the pool that they start."""
        return self.root / "pools" / f"{_checked(project)}.sample"

    def checkpoint(self, project: str, name: str) -> Path:
        """Return the folder of a checkpoint."""
        return self.root / "checkpoints" / _checked(project) / _checked(name)

    def scores(self, project: str, name: str) -> Path:
        """Return the folder of a scoring."""
        return self.root / "scores" / _checked(project) / _checked(name)

    def resume(self, project: str) -> Path:
        """Return the folder for what a project's training needs to resume after it was killed."""
        return self.root / "resume" / _checked(project)

    def features(self, key: str) -> Path:
        """Return the folder of a source of features."""
        return self.root / "features" / _checked(key)

    def remove_features(self, key: str) -> None:
        """Remove the folder of a source of features. A crash leaves all of it, or an unfinished folder."""
        unfinished = self.root / "features" / f"{temp_dirs.PREFIX}{key}"
        self.features(key).rename(unfinished)
        shutil.rmtree(unfinished)

    def job_log(self, job: int) -> Path:
        """Return the log file of a job."""
        return self.root / "jobs" / f"{job}.log"

    def save_upload(self, data: bytes) -> str:
        """Store `data` and return its SHA-256. It is on disk before this returns; equal content is stored once."""
        sha256 = hashlib.sha256(data).hexdigest()
        target = self.upload_path(sha256)
        if target.exists():
            sync(target.parent)  # another process may have created it just now
        else:
            with new_file(target, replace=True) as part:
                part.write_bytes(data)
        return sha256

    def sweep_unfinished(self, project: str) -> None:
        """Remove the unfinished files of a project's job whose process has ended."""
        for folder in (self.root / "pools", self.root / "checkpoints" / project, self.root / "scores" / project):
            for path in folder.glob(f"{temp_dirs.PREFIX}*"):
                temp_dirs.remove_abandoned(path)

    def sweep(self, keep: Container[Path], grace: float = 0.0) -> list[Path]:
        """Remove what crashes left behind, and return the removed paths.

        These are unfinished files whose process has ended, and folders of checkpoints and scores
        that are not in `keep` (paths as `checkpoint` and `scores` return them) and older than
        `grace` seconds. A younger one may not have its row in the database yet.
        """
        removed = []
        for area in ("uploads", "pools", "checkpoints", "scores", "features"):
            folder = self.root / area
            unfinished = [*folder.glob(f"{temp_dirs.PREFIX}*"), *folder.glob(f"*/{temp_dirs.PREFIX}*")]
            removed += [path for path in unfinished if temp_dirs.remove_abandoned(path)]
        oldest = time.time() - grace
        for area in ("checkpoints", "scores"):
            for path in sorted((self.root / area).glob("*/*")):
                in_use = path.name.startswith(temp_dirs.PREFIX) or path in keep
                if not in_use and path.is_dir() and path.stat().st_mtime <= oldest:
                    shutil.rmtree(path)
                    removed.append(path)
        return removed


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadRequest(f"{name!r} cannot be a folder's name: use letters, digits, '_', and later '-' and '.' too")
    return name
