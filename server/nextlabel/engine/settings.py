"""The settings: one table, read once from the environment and passed down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nextlabel.contracts.errors import SettingsError, suggest

PREFIX = "NEXTLABEL_"


class Settings(BaseModel):
    """Every setting, with its default and one line of help; NEXTLABEL_<NAME> in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(Path("var"), description="folder of the database, uploads, scores and checkpoints")
    data: Path | None = Field(None, description="folder of data sets, in torchvision's and PyG's layouts")
    projects: Path | None = Field(None, description="folder of your own project files")
    trained: Path | None = Field(None, description="folder of the checkpoints that ship; the product's own unless set")
    default_project: str = Field("photos", description="the project that the root routes address")
    host: str = Field("127.0.0.1", description="address to listen on; any other than loopback needs a token")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    token: str | None = Field(None, min_length=8, repr=False, description="access token every request must bear")
    token_file: Path | None = Field(
        None, description="file that holds the access token, in the place of NEXTLABEL_TOKEN"
    )
    allowed_hosts: str = Field("", description="further Host names to answer to, separated by commas")
    database_url: str | None = Field(
        None, repr=False, description="SQLAlchemy URL; SQLite in the home folder unless set"
    )
    max_upload_bytes: int = Field(1_000_000, ge=1, description="largest image POST /predict reads, in bytes")
    max_item_bytes: int = Field(20_000_000, ge=1, description="largest image POST /items reads, in bytes")
    max_pixels: int = Field(50_000_000, ge=1, description="largest image that is decoded, in pixels")
    max_batch: int = Field(64, ge=1, description="most images, ids or vectors in one request of /predict or /items")
    max_query: int = Field(1000, ge=1, description="most items in one answer of /query")
    max_labels: int = Field(10_000, ge=1, description="most labels in one POST /labels")
    lease_seconds: float = Field(600.0, gt=0, description="how long a queried item stays with its annotator")
    web_workers: int = Field(0, ge=0, description="web processes; 0: as many as there are cores")
    web_threads: int = Field(4, ge=1, description="threads of a web process")
    train_threads: int = Field(0, ge=0, description="threads of a training; 0: as many as there are cores")
    keep_scores: int = Field(3, ge=1, description="checkpoints a project whose scores are kept for replay")
    thumbnail_bytes: int = Field(
        1_000_000_000, ge=0, description="thumbnails kept in the home folder, in bytes; the oldest make room"
    )
    blocked_plugins: str = Field(
        "", description="entry points, or whole distributions, not to load, separated by commas"
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """Read the environment; `given` (from a command line) comes first. Raise SettingsError."""
        source = os.environ if environment is None else environment
        names = {key[len(PREFIX) :].lower(): value for key, value in source.items() if key.startswith(PREFIX)}
        for name in names:
            if name not in cls.model_fields:
                known = [PREFIX + field.upper() for field in cls.model_fields]
                raise SettingsError(
                    f"there is no setting {PREFIX}{name.upper()}; {suggest(PREFIX + name.upper(), known)}"
                )
        values: dict[str, Any] = {key: value for key, value in names.items() if value != ""}
        values.update({key: value for key, value in given.items() if value is not None})
        _read_token(values)
        try:
            return cls(**values)
        except ValidationError as error:
            faults = "; ".join(f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
            raise SettingsError(faults) from None

    @property
    def cores(self) -> int:
        """Cores this process may use."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @property
    def blocked(self) -> tuple[str, ...]:
        """Entry points not to load."""
        return tuple(name.strip() for name in self.blocked_plugins.split(",") if name.strip())

    @property
    def url(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'nextlabel.db'}"

    def environment(self) -> dict[str, str]:
        """Return the variables that give another process these settings; empty for what is not set."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {PREFIX + name.upper(): "" if value is None else str(value) for name, value in values.items()}


def _read_token(values: dict[str, Any]) -> None:
    """Put the token that a file holds where the token stands; SettingsError where there is none to read."""
    file = values.pop("token_file", None)
    if file is None:
        return
    if "token" in values:
        raise SettingsError(f"both {PREFIX}TOKEN and {PREFIX}TOKEN_FILE are set; keep one of them")
    try:
        values["token"] = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{PREFIX}TOKEN_FILE: {file} cannot be read: {reason}") from None
