"""Label Studio's JSON export: tasks with their annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nextlabel.contracts.errors import BadRequest, Unprocessable
from nextlabel.import_export import embedded_history
from nextlabel.import_export.formats.label_studio.task_rows import image_field, image_row, labelled
from nextlabel.import_export.importing.rows import (
    Fault,
    ImportRow,
    ReadContext,
    image_below,
    in_order,
    shortened,
)
from nextlabel.import_export.label_fields import candidates_label, value_label
from nextlabel.import_export.text_files import entries, top_level
from nextlabel.store.labels import DATASET, Label

IMAGES = "images"


def read(path: Path, context: ReadContext) -> Iterator[ImportRow | Fault]:
    """Yield the labels of every task, in the order of the history they were exported from, new ones by time."""
    if top_level(path) != "array":
        raise BadRequest(f"{path.name} is not a list of tasks, as Label Studio exports it")
    addresses = _addresses(path)
    rows: list[ImportRow | Fault] = []
    for number, task in enumerate(entries(path, "item"), 1):
        location = f"task {task['id']}" if isinstance(task, dict) and "id" in task else f"task {number} of the file"
        try:
            rows += _task_rows(location, task, path.parent / IMAGES, addresses, context)
        except Unprocessable as error:
            rows.append(Fault(location, str(error)))
    return iter(in_order(rows))


def _task_rows(
    location: str, task: Any, images: Path, addresses: Mapping[str, str], context: ReadContext
) -> Iterator[ImportRow | Fault]:
    if not isinstance(task, dict):
        raise Unprocessable(f"a task must be an object, not {shortened(task)}")
    if "annotation_id" in task and "annotations" not in task:
        raise BadRequest("this is Label Studio's JSON-MIN, which is not read; export the project as JSON or CSV")
    if not isinstance(task.get("data"), dict):
        raise Unprocessable(f"the `data` of a task must be an object, not {shortened(task.get('data'))}")
    history = _history(task)
    if history is None:
        item = image_row(location, task["data"][image_field(task["data"])], context.project)
    else:
        item = ImportRow(location, None, id=history["id"], image=image_below(images, history.get("file")))
        yield from embedded_history.read(item, history, context)
    annotations = task.get("annotations") or []
    if not isinstance(annotations, list) or not all(isinstance(annotation, dict) for annotation in annotations):
        raise Unprocessable("the annotations of a task must be a list of objects")
    if not annotations and history is None:
        yield item
    for annotation in annotations:
        where = f"{location}, annotation {annotation.get('id')}"
        try:
            exported = _exported(annotation, history)
            row = replace(item, location=where)
            yield _annotation_row(row, annotation, exported, addresses, context)
        except Unprocessable as error:
            yield Fault(where, str(error))


def _annotation_row(
    item: ImportRow,
    annotation: Mapping[str, Any],
    exported: Mapping[str, Any] | None,
    addresses: Mapping[str, str],
    context: ReadContext,
) -> ImportRow:
    label = _label(annotation, context)
    annotator = _annotator(annotation)
    annotator = addresses.get(annotator or "", annotator)
    if exported is not None and exported.get("annotator") != DATASET:
        # Label Studio credits the annotations of those it does not know to the user who imported them
        annotator = str(exported.get("annotator"))
    row = labelled(item, label, annotator, annotation, context)
    return replace(row, unchanged=exported is not None and embedded_history.is_same(exported, label))


def _history(task: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what nextlabel wrote into a task; None if the task is not from nextlabel."""
    meta = task.get("meta")
    history = meta.get(embedded_history.NAME) if isinstance(meta, dict) else None
    return history if embedded_history.is_history(history) else None


def _exported(annotation: Mapping[str, Any], history: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the label that an annotation was exported from; None if it is not from nextlabel."""
    # Label Studio gives every annotation a number of its own, and stores the imported one
    number = annotation["import_id"] if "import_id" in annotation else annotation.get("id")
    labels = history["history"] if history is not None else []
    return next((label for label in labels if isinstance(label, dict) and label.get("n") == number), None)


def _addresses(path: Path) -> dict[str, str]:
    """Return the e-mail addresses of the annotators whom the file names by number.

    A number is known if all exported annotations credited to it are of one annotator with an address.
    """
    annotators: dict[str, set[str]] = {}
    for task in entries(path, "item"):
        history = _history(task) if isinstance(task, dict) else None
        annotations = task.get("annotations") if history is not None else None
        for annotation in annotations if isinstance(annotations, list) else []:
            exported = _exported(annotation, history) if isinstance(annotation, dict) else None
            if exported is not None and isinstance(annotation.get("completed_by"), int):
                number = str(annotation["completed_by"])
                annotators.setdefault(number, set()).add(str(exported.get("annotator")))
    unique = {number: min(names) for number, names in annotators.items() if len(names) == 1}
    return {number: name for number, name in unique.items() if "@" in name}


def _annotator(annotation: Mapping[str, Any]) -> str | None:
    """Return the annotator's e-mail address if there is one, else the number."""
    value = annotation.get("completed_by")
    if isinstance(value, dict):
        value = value.get("email") or value.get("username") or value.get("id")
    return None if value is None or value == "" else str(value)


def _label(annotation: Mapping[str, Any], context: ReadContext) -> Label:
    """Return what an annotation states of the whole image. Raises Unprocessable."""
    if annotation.get("was_cancelled") or annotation.get("skipped"):
        return Label(skip=True)
    answers: dict[str, list[Label]] = {}
    for question, value in _results(annotation):
        if context.options.question in {None, question} and {"choices", "number"} & set(value):
            label = (
                candidates_label(value["choices"], context)
                if "choices" in value
                else value_label(value["number"], context)
            )
            answers.setdefault(question, []).append(label)
    if len(answers) > 1:
        raise Unprocessable(f"it answers several questions: {', '.join(sorted(answers))}; name one with --question")
    if not answers:
        suffix = f" for the question {context.options.question!r}" if context.options.question else ""
        raise Unprocessable(f"an annotation holds no choices{suffix}, and was not skipped")
    ((question, labels),) = answers.items()
    if len(labels) > 1:
        raise Unprocessable(f"it answers {question!r} {len(labels)} times: about regions, not about the whole image")
    return labels[0]


def _results(annotation: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each question that is answered, with its answer."""
    results = annotation.get("result")
    for result in results if isinstance(results, list) else []:
        value = result.get("value") if isinstance(result, dict) else None
        if isinstance(value, dict):
            yield str(result.get("from_name")), value
        elif not isinstance(result, dict) or result.get("type") != "relation":
            raise Unprocessable(f"a result must be an object with a `value`, not {shortened(result)}")
