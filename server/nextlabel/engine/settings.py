"""The server's settings, read once from the environment and passed down."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nextlabel.contracts.errors import SettingsError, suggest

PREFIX = "NEXTLABEL_"


class Settings(BaseModel):
    """Every setting with its default and description; its environment variable is NEXTLABEL_<NAME>."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(Path("var"), description="folder of the database, uploads, scores and checkpoints")
    data: Path = Field(
        default_factory=lambda values: values["home"] / "data",
        description="folder of data sets, in the layout of torchvision; data in the home folder if not set",
    )
    projects: Path | None = Field(None, description="folder of your own project files")
    trained: Path | None = Field(None, description="folder of bundled checkpoints; nextlabel's own if not set")
    default_project: str = Field("photos", description="project that routes without a project name refer to")
    host: str = Field("127.0.0.1", description="address to listen on; any except loopback requires a token")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    token: str | None = Field(
        None, min_length=8, repr=False, description="access token that every request must contain"
    )
    token_file: Path | None = Field(None, description="file with the access token, instead of NEXTLABEL_TOKEN")
    allowed_hosts: str = Field("", description="additional Host names to accept, separated by commas")
    database_url: str | None = Field(
        None, repr=False, description="SQLAlchemy URL; SQLite in the home folder if not set"
    )
    max_upload_bytes: int = Field(1_000_000, ge=1, description="largest image that POST /predict accepts, in bytes")
    max_item_bytes: int = Field(20_000_000, ge=1, description="largest image that POST /items accepts, in bytes")
    max_pixels: int = Field(50_000_000, ge=1, description="largest image that is decoded, in pixels")
    max_batch: int = Field(64, ge=1, description="most images, ids or vectors in one request to /predict or /items")
    max_query: int = Field(1000, ge=1, description="most items in one response of /query")
    max_labels: int = Field(10_000, ge=1, description="most labels in one POST /labels")
    lease_seconds: float = Field(600.0, gt=0, description="seconds that a queried item is reserved for its annotator")
    web_workers: int = Field(0, ge=0, description="number of web processes; 0: one per core")
    web_threads: int = Field(4, ge=1, description="threads per web process")
    train_threads: int = Field(0, ge=0, description="threads of a training; 0: one per core")
    keep_scores: int = Field(3, ge=1, description="checkpoints per project whose scores are stored for replay")
    thumbnail_bytes: int = Field(
        1_000_000_000,
        ge=0,
        description="size of the thumbnail cache in the home folder, in bytes; the oldest are deleted first",
    )
    blocked_plugins: str = Field(
        "", description="entry points or distributions that are not loaded, separated by commas"
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **options: Any) -> Settings:
        """Read the environment; `options` (of a command line) override it. Raises SettingsError."""
        source = os.environ if environment is None else environment
        names = {key[len(PREFIX) :].lower(): value for key, value in source.items() if key.startswith(PREFIX)}
        for name in names:
            if name not in cls.model_fields:
                known = [PREFIX + field.upper() for field in cls.model_fields]
                raise SettingsError(
                    f"there is no setting {PREFIX}{name.upper()}; {suggest(PREFIX + name.upper(), known)}"
                )
        values: dict[str, Any] = {key: value for key, value in names.items() if value != ""}
        values.update({key: value for key, value in options.items() if value is not None})
        _read_token(values)
        try:
            return cls(**values)
        except ValidationError as error:
            faults = "; ".join(f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
            raise SettingsError(faults) from None

    @property
    def cores(self) -> int:
        """Number of cores that this process may use."""
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @property
    def blocked(self) -> tuple[str, ...]:
        """Entry points and distributions that are not loaded."""
        return tuple(name.strip() for name in self.blocked_plugins.split(",") if name.strip())

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{self.home.absolute() / 'nextlabel.db'}"

    def environment(self) -> dict[str, str]:
        """Return environment variables that pass these settings to another process; empty if not set."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {PREFIX + name.upper(): "" if value is None else str(value) for name, value in values.items()}


def _read_token(values: dict[str, Any]) -> None:
    """Replace `token_file` by the token in that file; raises SettingsError if it cannot be read."""
    file = values.pop("token_file", None)
    if file is None:
        return
    if "token" in values:
        raise SettingsError(f"both {PREFIX}TOKEN and {PREFIX}TOKEN_FILE are set; remove one of them")
    try:
        values["token"] = Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(f"{PREFIX}TOKEN_FILE: {file} cannot be read: {reason}") from None
