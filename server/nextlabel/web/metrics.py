"""The metrics for Prometheus.

Values that must survive a restart are counted in the database at each scrape, so all processes agree.
Request durations are known to each process alone; the web processes that `gunicorn_app.run`
starts share them through files (prometheus_client's multiprocess mode).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

from flask import Flask, Response, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from nextlabel.contracts.errors import NextlabelError
from nextlabel.engine.engine import Engine

_SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Set by `gunicorn_app.run` before a web process imports prometheus_client."""
_KEY = "nextlabel.metrics"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


def register(app: Flask) -> None:
    """Measure the duration of every request to `app`."""
    registry = CollectorRegistry()
    seconds = Histogram(
        "nextlabel_request_seconds",
        "Time from a request's arrival to the start of its response",
        ("method", "route", "status"),
        registry=registry,
        buckets=_BUCKETS,
    )
    app.extensions[_KEY] = registry

    def begin() -> None:
        g.began = time.perf_counter()

    def end(response: Response) -> Response:
        # the rule and not the path: the number of series does not depend on the requests
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.url_rule else "none"
        seconds.labels(method, route, str(response.status_code)).observe(time.perf_counter() - g.began)
        return response

    app.before_request(begin)
    app.after_request(end)


def scrape(engine: Engine) -> tuple[bytes, str]:
    """Return the metrics as text, and its content type."""
    registry = CollectorRegistry()
    registry.register(_Stored(engine))
    if _SHARED in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
    return generate_latest(registry) + generate_latest(current_app.extensions[_KEY]), CONTENT_TYPE_LATEST


@dataclass(frozen=True, eq=False)
class _Stored(Collector):
    """Counts from the database at each scrape."""

    engine: Engine

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("nextlabel", "The running version", {"version": version("nextlabel")})
        items = GaugeMetricFamily("nextlabel_items", "Items of the pool", labels=("project", "state"))
        live = GaugeMetricFamily(
            "nextlabel_live_metric", "Metrics of the live checkpoint", labels=("project", "metric")
        )
        training = GaugeMetricFamily("nextlabel_training", "Whether a training runs or is queued", labels=("project",))
        for name in self.engine.projects():
            try:
                status = self.engine.project(name).status()
            except NextlabelError:
                continue  # a project that cannot run on this machine
            items.add_metric((name, "all"), status.items)
            items.add_metric((name, "labelled"), status.labelled)
            items.add_metric((name, "open"), status.open)
            training.add_metric((name,), float(status.training is not None))
            for metric, value in status.metrics.items():
                live.add_metric((name, metric), value)
        yield from (items, live, training)
