"""Selects some of a data set's images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nextlabel.contracts.data import BoolArray, Content, Contents, Files, IntArray, Pixels


def select(contents: Contents, mask: BoolArray) -> Contents:
    """Return the contents of a data set of images without the items outside `mask` (n,)."""
    new_positions = np.cumsum(mask) - 1

    def moved(positions: IntArray | None) -> IntArray | None:
        return None if positions is None else new_positions[positions[mask[positions]]]

    return replace(
        contents,
        ids=[identity for identity, selected in zip(contents.ids, mask, strict=True) if selected],
        content=select_content(contents.content, mask),
        truth=None if contents.truth is None else contents.truth[mask],
        candidates=None if contents.candidates is None else contents.candidates[mask],
        initial=moved(contents.initial),
        holdout=moved(contents.holdout),
    )


def select_content(content: Content, mask: BoolArray) -> Pixels | Files:
    """Return the images in `mask` (n,)."""
    if isinstance(content, Files):
        return replace(content, paths=[path for path, selected in zip(content.paths, mask, strict=True) if selected])
    assert isinstance(content, Pixels)
    return Pixels(content.array[mask])
