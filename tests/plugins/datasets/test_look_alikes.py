"""The look-alikes of the data sets, and their table in docs/datasets.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.published import CLASSES, FOLDERS

from nextlabel.contracts import Contents
from nextlabel.engine.plugins.parameters import describe
from nextlabel.engine.plugins.registry import Registry
from nextlabel_plugins.datasets.candidate_sets import PartialParameters
from nextlabel_plugins.datasets.cifar10 import Cifar10
from nextlabel_plugins.datasets.cifar100 import SUPERCLASSES, Cifar100
from nextlabel_plugins.datasets.fashion_mnist import FashionMnist
from nextlabel_plugins.datasets.mnist import Mnist

Create = Callable[[str, Path], Path]
Read = Callable[..., Contents]


def test_pair_joins_a_cat_with_a_dog(read: Read, create: Create, tmp_path: Path) -> None:
    create("cifar10", tmp_path)
    contents = read("cifar10", tmp_path, partial="pair", partial_min=2)
    names = np.array(contents.classes)
    sets = {names[truth]: set(names[row]) for truth, row in zip(contents.truth, contents.candidates, strict=True)}
    assert sets["cat"] == sets["dog"] == {"cat", "dog"}
    assert sets["truck"] == sets["automobile"] == {"truck", "automobile"}
    assert sets["ship"] == {"ship", "airplane"}


@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        (Cifar10, CLASSES["cifar10"]),
        (Mnist, CLASSES["mnist"]),
        (FashionMnist, CLASSES["fashion-mnist"]),
        (Cifar100, sum(SUPERCLASSES, ())),
    ],
    ids=lambda kind: getattr(kind, "__name__", ""),
)
def test_every_class_has_another_class_as_look_alike(kind: type[Cifar10], classes: tuple[str, ...]) -> None:
    assert set(kind.look_alikes) == set(classes)
    assert set(kind.look_alikes.values()) <= set(classes)
    assert all(name != other for name, other in kind.look_alikes.items())


def test_the_groups_of_cifar100_are_a_hundred_classes() -> None:
    names = sum(SUPERCLASSES, ())
    assert len(names) == len(set(names)) == 100
    assert {len(group) for group in SUPERCLASSES} == {5}
    assert Cifar100.look_alikes["wolf"] == "bear"
    assert Cifar100.look_alikes["man"] == "woman"


def test_docs_list_parameters_and_look_alikes(registry: Registry) -> None:
    page = (Path(__file__).parents[3] / "docs" / "datasets.md").read_text("utf-8")
    for name, schema in describe(PartialParameters)["properties"].items():
        assert f"| `{name}` | {schema['default']} | {schema['description']} |\n" in page
    for name, folder in FOLDERS.items():
        assert registry.dataset(name).parameters is PartialParameters
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |") and folder in line]
        assert ("50,000" if name.startswith("cifar") else "60,000") in row
    for kind, name in ((Cifar10, "cifar10"), (Mnist, "mnist"), (FashionMnist, "fashion-mnist")):
        row = page.partition("| look-alikes |")[2].partition(f"| `{name}` | ")[2].partition(" |\n")[0]
        assert parse_row(row) == dict(kind.look_alikes)


def parse_row(row: str) -> dict[str, str]:
    """Read "a and b, c and d, each for the other; e for f" back into a table."""
    table: dict[str, str] = {}
    for part in row.split("; "):
        if part.endswith(", each for the other"):
            for pair in part.removesuffix(", each for the other").split(", "):
                first, second = pair.split(" and ")
                table |= {first: second, second: first}
        else:
            alike, _, name = part.partition(" for ")
            table[name.removeprefix("a ").removeprefix("an ")] = alike
    return table
