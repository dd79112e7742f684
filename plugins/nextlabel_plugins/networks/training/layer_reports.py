"""Reports within the passes of a large network, each of which may take seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from nextlabel_plugins.networks.architectures.network import ImageNetwork
from nextlabel_plugins.networks.training import loss_meter


@contextmanager
def layer_reports(
    network: ImageNetwork, report: Callable[[], None], clock: Callable[[], float] = time.monotonic
) -> Iterator[None]:
    """Call `report` after layers of the trunk, forwards and backwards, but at most twice a second.

    An exception that it raises ends the pass. So a training can be cancelled within an update.
    """
    reported = clock()

    def report_if_due(*_: Any) -> None:
        nonlocal reported
        if clock() - reported >= loss_meter.REPORT_EVERY:
            reported = clock()
            report()

    def after_forward(_layer: object, _inputs: object, output: Tensor) -> None:
        report_if_due()
        if output.requires_grad:
            output.register_hook(report_if_due)  # type: ignore[no-untyped-call]

    handles = [layer.register_forward_hook(after_forward) for layer in network.trunk]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
