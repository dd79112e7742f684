"""Every error nextlabel raises on purpose. Messages say what, why, and the valid choices.

    NextlabelError
    ├── BadRequest               the request or file cannot be parsed                  400
    ├── Unauthorized            no or wrong access token                              401
    ├── Forbidden                 a foreign Host or Origin                              403
    ├── NotFound                 no project, item, job, class or plugin of that name   404
    ├── Conflict                it clashes with what is already so                    409
    ├── Gone                    it was kept once and is no longer                     410
    ├── TooLarge                more bytes, pixels or rows than allowed               413
    ├── Unsupported             not a kind of content we read                         415
    ├── Unprocessable           read, understood, and senseless; lists every fault    422
    ├── NotReady                not to be had now; says when to come back             503
    ├── PluginError             a plugin that cannot be loaded or breaks its contract
    ├── ProjectError            a project file that cannot be used
    ├── DatasetMissing          a data set that is not on this machine
    └── SettingsError           a setting that cannot be used

The numbers are the HTTP statuses the web room answers with; the others are 500 there and
one line on standard error in a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class NextlabelError(Exception):
    """The root of the tree; its text is meant for a person."""


class BadRequest(NextlabelError):
    """A request or a file that cannot be parsed."""


class Unauthorized(NextlabelError):
    """No access token, or a wrong one."""


class Forbidden(NextlabelError):
    """A request from a foreign host or origin."""


class NotFound(NextlabelError):
    """A name that names nothing here."""

    @classmethod
    def name(cls, kind: str, name: str, valid: Iterable[str]) -> NotFound:
        """Build the message for an unknown `name`: the nearest valid one, then all of them."""
        return cls(f"no {kind} is called {name!r}; {suggest(name, sorted(valid))}")


class Conflict(NextlabelError):
    """A request that clashes with the present state."""


class Gone(NextlabelError):
    """Something that was kept once and is no longer."""


class TooLarge(NextlabelError):
    """More bytes, pixels or rows than allowed; the message holds the limit."""


class Unsupported(NextlabelError):
    """Content of a kind that is not read here."""


class Unprocessable(NextlabelError):
    """Content that is well formed and makes no sense; `faults` lists every reason."""

    def __init__(self, message: str, faults: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class NotReady(NextlabelError):
    """What was asked for is not computed yet, or the database is busy; come back after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PluginError(NextlabelError):
    """A plugin that cannot be loaded, or breaks its contract."""


class ProjectError(NextlabelError):
    """A project file that cannot be used."""


class DatasetMissing(NextlabelError):
    """A data set that is not on this machine; the message says how to get it."""


class SettingsError(NextlabelError):
    """A setting that cannot be used."""


def suggest(name: str, valid: Sequence[str]) -> str:
    """Return "did you mean ...? valid: ..." for a `name` that is not among `valid`."""
    if not valid:
        return "there are none"
    near = get_close_matches(name, valid, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}valid: {', '.join(valid)}"
