"""Strict parsing of requests, with limits that apply before a body is read.

Errors: 400 if the request cannot be parsed, 413 if it is too large, 415 for an unsupported media
type, 422 with a list of all faults if it can be parsed but does not fit its model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import IO, Any, TypeVar

import flask
from flask import request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge

from nextlabel.contracts.errors import BadRequest, NotFound, TooLarge, Unprocessable, Unsupported
from nextlabel.web.schemas.base import UNION_TAG

MAX_JSON = 16_000_000
"""Largest JSON body in bytes. It fits 10,000 labels, or 64 vectors of 10,000 numbers."""
MAX_BODY = 64_000_000
"""Largest body of several images in bytes, unless the limit of a single image is higher."""
MAX_FORM = 1_000_000
"""Largest form of a page in bytes."""
_ENVELOPE = 100_000
"""Most bytes of a multipart body besides its images."""
_MAX_QUOTED = 80
"""Longest piece of a request that is quoted in an error."""

M = TypeVar("M", bound=BaseModel)


class Request(flask.Request):
    """A request whose uploaded images stay in memory: the server needs no temporary files."""

    def _get_file_stream(self, *arguments: object, **more: object) -> IO[bytes]:
        del arguments, more
        return BytesIO()


def is_json(media_type: str) -> bool:
    """Return whether a media type is JSON."""
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def json_body(model: type[M]) -> M:
    """Return the JSON body as `model`. Raises Unsupported, TooLarge, BadRequest or Unprocessable."""
    media_type = request.mimetype
    if not is_json(media_type):
        raise Unsupported(f"send application/json, not {_quoted(media_type)}")
    data = _body(MAX_JSON, f"a JSON body has at most {MAX_JSON:,} bytes")
    try:
        # strict: no NaN, no lone surrogates, no bytes that are not UTF-8, nesting bounded
        value = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}" if data else "the body is empty") from None
    return validated(model, value)


def validated(model: type[M], value: object) -> M:
    """Return `value` as `model`. Raises Unprocessable with a list of all faults."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        messages = faults(error)
        more = f", and {len(messages) - 1} more" if len(messages) > 1 else ""
        raise Unprocessable(f"{messages[0]}{more}", messages) from None


def parse_path(model: type[M], path_values: Mapping[str, Any]) -> M:
    """Return the variable parts of a path as `model`. Raises NotFound if they do not fit."""
    try:
        return model.model_validate(path_values)
    except ValidationError as error:
        raise NotFound(f"there is nothing at this address: {faults(error)[0]}") from None


def faults(error: ValidationError) -> tuple[str, ...]:
    """Return one line per error of pydantic: `labels[3].value: Input should be a finite number`."""
    return tuple(
        f"{_location(fault['loc'])}{fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )


def images(limit: int, most: int) -> list[bytes]:
    """Return the contents of the fields `image` of a multipart body, or a raw body of an image type.

    At most `limit` bytes per image and `most` images. The contents are not checked and may be empty.
    """
    media_type = request.mimetype
    if media_type == "multipart/form-data":
        return _form_images(limit, most)
    if media_type.startswith("image/"):
        return [_body(limit, str(_too_large(limit)))]
    raise Unsupported(
        "send images as multipart/form-data, field `image`, or one as the body with an image/* type, "
        f"not {_quoted(media_type)}"
    )


def image_names() -> list[str]:
    """Return the file names of the images that `images` returns, in the same order."""
    if request.mimetype != "multipart/form-data":
        return ["the image"]  # the raw body has no file name
    return [file.filename or "the image" for file in request.files.getlist("image")]


def _form_images(limit: int, most: int) -> list[bytes]:
    total = max(limit, min(limit * most, MAX_BODY)) + _ENVELOPE
    request.max_form_parts = most
    request.max_form_memory_size = _ENVELOPE
    several = f"a request has at most {most} images, and {total:,} bytes"
    with _bounded(total, several if most > 1 else str(_too_large(limit))):
        files = request.files.getlist("image")
    contents = [file.stream.read() for file in files]
    if any(len(data) > limit for data in contents):
        raise _too_large(limit)
    # a form in which no file was chosen sends an empty file without a name
    if not any(data or file.filename for data, file in zip(contents, files, strict=True)):
        raise BadRequest("there is no image: send files in the field `image`, as in `curl -F image=@image.jpg`")
    return contents


def _body(limit: int, message: str) -> bytes:
    if (request.content_length or 0) > limit:
        raise TooLarge(message)
    # one byte more: a chunked body has no known length, and werkzeug silently truncates it at its limit
    with _bounded(limit + 1, message):
        data = request.get_data(cache=False)
    if len(data) > limit:
        raise TooLarge(message)
    return data


@contextmanager
def _bounded(limit: int, message: str) -> Iterator[None]:
    """Limit the body read in this context to `limit` bytes. A larger Content-Length is rejected before reading."""
    request.max_content_length = limit
    try:
        yield
    except RequestEntityTooLarge:
        raise TooLarge(message) from None


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"an image has at most {limit:,} bytes here")


def _quoted(media_type: str) -> str:
    return repr(media_type[:_MAX_QUOTED]) if media_type else "a body without a Content-Type"


def _location(location: tuple[int | str, ...]) -> str:
    """Return ("labels", 3, "value") as `labels[3].value: `."""
    text = ""
    for part in location:
        if isinstance(part, str) and part.startswith(UNION_TAG):
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{str(part)[:_MAX_QUOTED]}"
    return f"{text.removeprefix('.')}: " if text else ""
