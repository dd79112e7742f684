"""The store imports nothing of ours but contracts, and nothing heavy."""

from __future__ import annotations

import pkgutil

import pytest

from nextlabel import store

LOADED = """
    import importlib
    import sys

    for name in sys.argv[1:]:
        importlib.import_module(name)
    print(*sorted({name.split(".")[0] for name in sys.modules}))
    print(*sorted({".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("nextlabel.")}))
"""


@pytest.mark.slow
def test_the_store_imports_only_contracts(start):
    names = [module.name for module in pkgutil.iter_modules(store.__path__, "nextlabel.store.")]
    assert "nextlabel.store.labels" in names
    packages, rooms = (set(line.split()) for line in start(LOADED, *names).end())
    assert not packages & {"torch", "torchvision", "flask", "pydantic", "sklearn", "onnxruntime", "alembic"}
    assert rooms == {"nextlabel.contracts", "nextlabel.store"}
