"""The errors that nextlabel raises. A message names the problem, the reason and the valid choices.

    NextlabelError
    ├── BadRequest              a request or file cannot be parsed                    400
    ├── Unauthorized            the access token is missing or wrong                  401
    ├── Forbidden               the Host or Origin is not allowed                     403
    ├── NotFound                no project, item, job, class or plugin has that name  404
    ├── Conflict                the request conflicts with the current state          409
    ├── Gone                    the data existed but was deleted                      410
    ├── TooLarge                more bytes, pixels or rows than allowed               413
    ├── Unsupported             a kind of content that is not supported               415
    ├── Unprocessable           well-formed but invalid content; lists every fault    422
    ├── NotReady                not available yet; has a time to retry after          503
    ├── PluginError             a plugin cannot be loaded or breaks its contract
    ├── ProjectError            a project file cannot be used
    ├── DatasetMissing          a data set is not on this machine
    └── SettingsError           a setting cannot be used

The numbers are HTTP statuses; errors without one give status 500. In a terminal every error is
one line on standard error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class NextlabelError(Exception):
    """Base class of all nextlabel errors; its text is a message for the user."""


class BadRequest(NextlabelError):
    """A request or a file cannot be parsed."""


class Unauthorized(NextlabelError):
    """The access token is missing or wrong."""


class Forbidden(NextlabelError):
    """The request's Host or Origin is not allowed."""


class NotFound(NextlabelError):
    """Nothing has the requested name."""

    @classmethod
    def name(cls, kind: str, name: str, valid: Iterable[str]) -> NotFound:
        """Return an error for an unknown `name` that suggests the closest valid name and lists all of them."""
        return cls(f"no {kind} is called {name!r}; {suggest(name, sorted(valid))}")


class Conflict(NextlabelError):
    """The request conflicts with the current state."""


class Gone(NextlabelError):
    """The requested data existed but was deleted."""


class TooLarge(NextlabelError):
    """More bytes, pixels or rows than allowed; the message has the limit."""


class Unsupported(NextlabelError):
    """A kind of content that is not supported."""


class Unprocessable(NextlabelError):
    """Well-formed but invalid content; `faults` lists every reason."""

    def __init__(self, message: str, faults: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)


class NotReady(NextlabelError):
    """The result is not computed yet, or the database is busy; retry after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PluginError(NextlabelError):
    """A plugin cannot be loaded or breaks its contract."""


class ProjectError(NextlabelError):
    """A project file cannot be used."""


class DatasetMissing(NextlabelError):
    """A data set is not on this machine; the message explains how to get it.

    In a plugin's message, PROJECT in `nextlabel download PROJECT` stands for the project's name.
    """

    def of(self, project: str) -> DatasetMissing:
        """Return the error with the name of the project instead of PROJECT."""
        return DatasetMissing(str(self).replace("nextlabel download PROJECT", f"nextlabel download {project}"))


class SettingsError(NextlabelError):
    """A setting cannot be used."""


def suggest(name: str, valid: Sequence[str]) -> str:
    """Return "did you mean ...? valid: ..." for a `name` that is not in `valid`."""
    if not valid:
        return "there are none"
    near = get_close_matches(name, valid, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}valid: {', '.join(valid)}"
