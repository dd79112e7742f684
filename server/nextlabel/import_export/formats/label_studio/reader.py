"""Label Studio's JSON: full exports (tasks with annotations) and JSON-MIN (a row an annotation)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from nextlabel.import_export import embedded_history
from nextlabel.import_export.importing.import_rows import (
    Entry,
    Fault,
    Found,
    How,
    NoSense,
    Reading,
    Said,
    beside,
    moment,
    said_set,
    said_value,
    shortly,
)
from nextlabel.import_export.json_stream import members
from nextlabel.import_export.text_reader import Text

IMAGES = "images"
_PLAIN = {
    "id", "annotation_id", "annotator", "created_at", "updated_at", "lead_time", "was_cancelled", "agreement", "meta",
}  # fmt: skip
"""What JSON-MIN says beside the image and the answer."""
_IMAGE_KEYS = ("image", "img", "picture", "photo", "url", "file", "filename", "path")


def read(text: Text, reading: Reading) -> Iterator[Found]:
    """Yield the labels of every task."""
    for member in members(text):
        task = member.value
        if member.key is not None or not isinstance(task, dict):
            yield Fault(member.line, "Label Studio exports a list of tasks")
            return
        try:
            if "annotations" in task or "completions" in task or isinstance(task.get("data"), dict):
                yield from _task(member.line, task, reading, text.path.parent)
            else:
                yield from _row(member.line, task, reading)
        except NoSense as error:
            yield Fault(member.line, str(error))


def _task(line: int, task: dict[str, Any], reading: Reading, folder: Path) -> Iterator[Found]:
    data = task.get("data")
    if not isinstance(data, dict):
        raise NoSense(f"a task has `data`, an object; this one has {shortly(data)}")
    meta = task["meta"].get(embedded_history.NAME) if isinstance(task.get("meta"), dict) else None
    known: dict[int, Any] = {}
    image = None
    if embedded_history.is_kept(meta):
        assert isinstance(meta, dict)
        file = meta.get("file")
        image = beside(folder / IMAGES, file) if isinstance(file, str) else None
        yield from embedded_history.kept(line, meta, image)
        history = [said for said in meta["history"] if isinstance(said, dict)]
        known = {said["n"]: said for said in history if isinstance(said.get("n"), int)}
        named: tuple[str, How] = (meta["id"], "id")
    else:
        named = (_image(data), "address")
    annotations = task.get("annotations", task.get("completions")) or []
    if not isinstance(annotations, list) or not all(isinstance(each, dict) for each in annotations):
        raise NoSense("the annotations of a task are a list of objects")
    for annotation in annotations:
        try:
            said, exported = _answer(annotation, reading), _ours(annotation, known)
            who, key = _who(annotation.get("completed_by")), annotation.get("unique_id") or annotation.get("id")
            found = _entry(line, named, said, who, annotation, key)
            yield replace(found, image=image, exported=exported is not None and _same(said, exported))
        except NoSense as error:
            yield Fault(line, str(error))


def _entry(line: int, named: tuple[str, How], said: Said, who: str | None, dated: dict[str, Any], key: Any) -> Entry:
    """Return what an annotation says. To change it moves `updated_at`, and nothing else that tells it from others."""
    at = moment(dated.get("updated_at") or dated.get("created_at"))
    name = None if key is None else f"label-studio-{key}"
    return Entry(line, *named, said, who, at, name, standing=key is not None)


def _ours(annotation: dict[str, Any], known: dict[int, Any]) -> Any:
    """Return what we wrote as this annotation; None where it is not ours."""
    # Label Studio gives what it imports a number of its own, and remembers ours
    number = annotation["import_id"] if "import_id" in annotation else annotation.get("id")
    return known.get(number) if isinstance(number, int) else None


def _answer(annotation: dict[str, Any], reading: Reading) -> Said:
    """Return what an annotation says of the whole image; NoSense."""
    if annotation.get("was_cancelled") or annotation.get("skipped"):
        return Said("skip")
    answers: dict[str, list[Said]] = {}
    for name, value in _regions(annotation):
        if reading.question in {None, name} and {"choices", "number"} & set(value):
            said = said_set(value["choices"]) if "choices" in value else said_value(value["number"])
            answers.setdefault(name, []).append(said)
    if len(answers) > 1:
        raise NoSense(f"it answers several questions: {', '.join(sorted(answers))}; say which with --question")
    if not answers:
        asked = f" to {reading.question!r}" if reading.question else ""
        raise NoSense(f"an annotation holds no choices{asked}, and was not skipped")
    ((name, given),) = answers.items()
    if len(given) > 1:
        raise NoSense(f"it answers {name!r} {len(given)} times: about regions, not about the whole image")
    return given[0]


def _regions(annotation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of each question answered, with the answer."""
    result = annotation.get("result")
    for region in result if isinstance(result, list) else []:
        value = region.get("value") if isinstance(region, dict) else None
        if isinstance(value, dict):
            yield str(region.get("from_name")), value
        elif not isinstance(region, dict) or region.get("type") != "relation":
            raise NoSense(f"an answer is an object with a `value`, not {shortly(region)}")


def _row(line: int, row: dict[str, Any], reading: Reading) -> Iterator[Entry]:
    """Yield the label of a row of JSON-MIN, unless nobody has annotated it yet."""
    rest = {name: value for name, value in row.items() if name not in _PLAIN and value is not None}
    image = next((name for name in _IMAGE_KEYS if isinstance(rest.get(name), str)), None)
    if image is None:
        image = next((n for n, v in rest.items() if isinstance(v, str) and "/" in v and n != reading.question), None)
    if image is None:
        raise NoSense(f"no field of the row names an image; they are {', '.join(row)}")
    answers = {name: value for name, value in rest.items() if name != image}
    if reading.question is not None:
        answers = {name: value for name, value in answers.items() if name == reading.question}
    key = row.get("annotation_id")
    if row.get("was_cancelled"):
        said = Said("skip")
    elif not answers and key is None:
        return
    elif len(answers) != 1:
        told = f"several fields could be the answer: {', '.join(answers)}" if answers else "the row holds no answer"
        raise NoSense(f"{told}; say which with --question" if answers else told)
    else:
        (value,) = answers.values()
        said = _written(value)
    yield _entry(line, (rest[image], "address"), said, _who(row.get("annotator")), row, key)


def _written(value: Any) -> Said:
    """Return what an answer of JSON-MIN says, which writes one choice as a text, and a number in a list; NoSense."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict):
        (value,) = value
    if isinstance(value, dict):
        value = value.get("number", value.get("choices"))
    if isinstance(value, int | float):
        return said_value(value)
    return said_set([value] if isinstance(value, str) else value)


def _image(data: dict[str, Any]) -> str:
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    for name in _IMAGE_KEYS:
        if name in texts:
            return texts[name]
    addresses = [value for value in texts.values() if "/" in value]
    if len(addresses) == 1:
        return addresses[0]
    raise NoSense(f"the task's data names no image; its fields are {', '.join(data) or 'none'}")


def _who(value: Any) -> str | None:
    """Return the annotator: the e-mail address where there is one, else the number."""
    if isinstance(value, dict):
        value = value.get("email") or value.get("username") or value.get("id")
    return None if value is None or value == "" else str(value)


def _same(said: Said, written: dict[str, Any]) -> bool:
    """Tell whether an annotation still says what we wrote."""
    if said.kind == "candidates":
        return set(said.candidates or ()) == set(written.get("candidates") or ())
    return said.value == written.get("value") if said.kind == "value" else bool(written.get("skip"))
