"""The folder that a learner resumes from after its training was killed."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from nextlabel.engine.project_files import ProjectConfig
from nextlabel.store import json_utils
from nextlabel.store.home import Home


def resume_folder(
    home: Home, config: ProjectConfig, seed: int, items: int, last_label: int, start: str | None, features: str | None
) -> Path:
    """Return the folder for a training of these learners on so many items; delete the project's other ones.

    `features` is the key of the items' features, which differs between versions of a source. The folder
    exists already if a training with the same arguments was killed, and may not exist otherwise.
    """
    key = json_utils.dumps([config.learner.model_dump(), features, seed, items, last_label, start])
    folder = home.resume(config.name) / hashlib.sha256(key.encode()).hexdigest()[:32]
    for other in folder.parent.glob("*"):
        if other != folder:
            shutil.rmtree(other)
    return folder
