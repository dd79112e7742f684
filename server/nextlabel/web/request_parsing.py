"""Reading a request's body: bounded before it is read, and strict.

400 for what cannot be parsed, 413 for too much, 415 for a kind of content not read here,
422 for what parses and is not of the shape asked for, with every fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import IO, Any, TypeVar, cast

import flask
from flask import request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge

from nextlabel.contracts.errors import BadRequest, TooLarge, Unprocessable, Unsupported
from nextlabel.web.schemas.request_base import TAG

MAX_JSON = 16_000_000
"""Largest JSON body in bytes: 10,000 labels, or 64 vectors of 10,000 numbers, fit."""
MAX_BODY = 64_000_000
"""Largest body of several images in bytes, unless a single one may be larger."""
MAX_FORM = 1_000_000
"""Largest body of any other request in bytes: the forms of pages."""
_ENVELOPE = 100_000
"""What a multipart body may hold beside its images, in bytes."""
_SHOWN = 80

M = TypeVar("M", bound=BaseModel)


class Request(flask.Request):
    """A request whose images stay in memory, and never grow past a limit while they are read."""

    image_limit: int | None = None

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        del total_content_length, content_type, filename, content_length
        return _Image(self.image_limit)


class _Image(BytesIO):
    def __init__(self, limit: int | None) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: Any) -> int:
        if self._limit is not None and self.tell() + len(data) > self._limit:
            raise _too_large(self._limit)
        return super().write(data)


def is_json(kind: str) -> bool:
    """Tell whether a media type is JSON."""
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def json_body(model: type[M]) -> M:
    """Parse a JSON body into `model`."""
    kind = request.mimetype
    if not is_json(kind):
        raise Unsupported(f"send application/json, not {_named(kind)}")
    data = _body(MAX_JSON, f"a JSON body has at most {MAX_JSON:,} bytes")
    try:
        # strict: no NaN, no lone surrogates, no bytes that are not UTF-8, nesting bounded
        value = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}" if data else "the body is empty") from None
    return validated(model, value)


def validated(model: type[M], value: object) -> M:
    """Return `value` as `model`; Unprocessable lists every fault."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found = faults(error)
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise Unprocessable(f"{found[0]}{more}", found) from None


def faults(error: ValidationError) -> tuple[str, ...]:
    """Return what pydantic found, one line each: `labels[3].value: Input should be a finite number`."""
    return tuple(
        f"{_place(fault['loc'])}{fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )


def images(limit: int, most: int) -> list[bytes]:
    """Return the images of a multipart body's fields `image`, or of a raw body of an image type.

    `limit`: bytes an image; `most`: images a request. What they hold, if anything, is not looked at.
    """
    kind = request.mimetype
    if kind == "multipart/form-data":
        return _form_images(limit, most)
    if kind.startswith("image/"):
        return [_body(limit, str(_too_large(limit)))]
    raise Unsupported(
        "send images as multipart/form-data, field `image`, or one as the body with an image/* type, "
        f"not {_named(kind)}"
    )


def image_names() -> list[str]:
    """Return what the images that `images` has read are called, in the same order."""
    if request.mimetype != "multipart/form-data":
        return ["the image"]  # the body itself
    return [file.filename or "the image" for file in request.files.getlist("image")]


def _form_images(limit: int, most: int) -> list[bytes]:
    whole = max(limit, min(limit * most, MAX_BODY)) + _ENVELOPE
    request.max_form_parts = most
    request.max_form_memory_size = _ENVELOPE
    cast("Request", request).image_limit = limit
    several = f"a request has at most {most} images, and {whole:,} bytes"
    with _bounded(whole, several if most > 1 else str(_too_large(limit))):
        sent = request.files.getlist("image")
    found = [file.stream.read() for file in sent]
    # a form in which no file was chosen sends one without a name
    if not any(data or file.filename for data, file in zip(found, sent, strict=True)):
        raise BadRequest("there is no image: send files in the field `image`, as in `curl -F image=@image.jpg`")
    return found


def _body(limit: int, message: str) -> bytes:
    if (request.content_length or 0) > limit:
        raise TooLarge(message)
    # one more is read: a chunked body tells no length, and werkzeug cuts it off at the limit in silence
    with _bounded(limit + 1, message):
        data = request.get_data(cache=False)
    if len(data) > limit:
        raise TooLarge(message)
    return data


@contextmanager
def _bounded(limit: int, message: str) -> Iterator[None]:
    """Read at most `limit` bytes inside; a longer Content-Length is refused before the first."""
    request.max_content_length = limit
    try:
        yield
    except RequestEntityTooLarge:
        raise TooLarge(message) from None


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"an image has at most {limit:,} bytes here")


def _named(kind: str) -> str:
    return repr(kind[:_SHOWN]) if kind else "a body without a Content-Type"


def _place(location: tuple[int | str, ...]) -> str:
    """Write ("labels", 3, "value") as `labels[3].value: `."""
    text = ""
    for part in location:
        if isinstance(part, str) and part.startswith(TAG):
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{str(part)[:_SHOWN]}"
    return f"{text.removeprefix('.')}: " if text else ""
