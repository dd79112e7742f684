"""The fit of a regression on single numbers, and its picture."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from support.engine import WAVE, ToyProject

from nextlabel.engine.simulation.fit import Fit, current_fit
from nextlabel.engine.simulation.fit_chart import FRAME, draw_fits
from nextlabel.store.labels import Label

SVG = "{http://www.w3.org/2000/svg}"
Make = Callable[..., ToyProject]


def fit_of(project: ToyProject) -> Fit | None:
    name = project.project.config.name
    return current_fit(project.services, name, project.services.pool(name).truth)


def test_the_fit_is_that_of_the_newest_checkpoint(make: Make) -> None:
    project = make(WAVE, labels={"initial": 4, "holdout": 0}).import_dataset().train()
    first = fit_of(project)
    assert first is not None
    assert (len(first.x), first.data.shape, first.labelled.shape) == (400, (60, 2), (4, 2))
    assert (first.x[0], first.x[-1]) == (first.data[:, 0].min(), first.data[:, 0].max())
    served = project.project.models.predict_vectors([[float(first.x[7])]]).predictions[0]
    assert (first.mean[7], first.std[7]) == pytest.approx((served.mean, served.std), abs=1e-5)
    (item,) = project.project.queries.create(1, None, "ann").items
    project.project.labels.submit("ann", [(item.id, Label(value=0.25))])
    last = fit_of(project.train())
    assert last is not None
    assert last.labelled.shape == (5, 2)
    assert 0.25 in last.labelled[:, 1]
    assert {tuple(row) for row in first.labelled} < {tuple(row) for row in last.labelled}


def test_only_a_regression_on_single_numbers_has_a_fit(make: Make) -> None:
    assert fit_of(make().import_dataset().train()) is None


def example(labels: int) -> Fit:
    x = np.linspace(0, 20, 50)
    data = np.stack([x, np.sin(x)], axis=1)
    return Fit(x, np.sin(x), np.full(50, 0.5), data, data[:labels])


def drawn(*fits: Fit, title: str = "Sine") -> ET.Element:
    return ET.fromstring(draw_fits(title, fits))


def group(root: ET.Element, css_class: str) -> ET.Element:
    return next(part for part in root.iter(f"{SVG}g") if part.get("class") == f"series {css_class}")


def test_the_data_the_fits_and_the_labelled_points() -> None:
    root = drawn(example(5), example(9), example(12))
    shown = {text.text for text in root.iter(f"{SVG}text")}
    assert {"Sine: mean and 2 standard deviations", "first fit, 5 labels", "last fit, 12 labels"} <= shown
    assert len(group(root, "data")) == 50
    assert len(group(root, "start")) == 5
    assert len(group(root, "later")) == 7
    for name in ("first", "last"):
        band, line = group(root, name)
        assert len(band.get("points").split()) == 100
        assert len(line.get("points").split()) == 50


def test_the_band_is_two_standard_deviations_wide() -> None:
    root = drawn(example(5))
    band, line = ([float(pair.split(",")[1]) for pair in part.get("points").split()] for part in group(root, "last"))
    ticks = [text for text in root.iter(f"{SVG}text") if re.fullmatch(r"-?\d+(\.\d+)?", text.text)]
    by_value = {float(text.text): float(text.get("y")) for text in ticks if text.get("text-anchor") == "end"}
    unit = by_value[0] - by_value[1]
    assert band[0] - line[0] == pytest.approx(unit, abs=0.2)
    assert line[0] - band[-1] == pytest.approx(unit, abs=0.2)


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e-6])
def test_everything_lies_inside_the_frame(scale: float) -> None:
    fit = example(5)
    data = fit.data * [1, scale]
    root = drawn(replace(fit, mean=fit.mean * scale, std=fit.std * scale, data=data, labelled=data[:5]))
    pairs = [pair for part in root.iter() if part.get("points") for pair in part.get("points").split()]
    points = [tuple(map(float, pair.split(","))) for pair in pairs]
    points += [(float(dot.get("cx")), float(dot.get("cy"))) for dot in root.iter(f"{SVG}circle")]
    assert len(points) > 200
    for x, y in points:
        assert FRAME.left - 6 <= x <= FRAME.width - FRAME.right + 6
        assert FRAME.top - 6 <= y <= FRAME.height - FRAME.bottom + 6


def test_one_fit_and_no_data() -> None:
    lonely = replace(example(1), data=np.empty((0, 2)))
    root = drawn(lonely)
    classes = {part.get("class") for part in root.iter(f"{SVG}g")}
    assert "series data" not in classes
    assert "series later" not in classes
    assert "last fit, 1 label" in {text.text for text in root.iter(f"{SVG}text")}
    with pytest.raises(ValueError, match="no fit"):
        draw_fits("Sine", [])


def test_light_and_dark_and_escaped() -> None:
    text = draw_fits("<b>", [example(3)])
    assert "&lt;b&gt;" in text
    assert "prefers-color-scheme:dark" in text
