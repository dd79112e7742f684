"""nextlabel simulate: learning curves of strategies, by a data set's own labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from nextlabel import app
from nextlabel.cli.options import FOLDER, as_json, project_name, with_settings
from nextlabel.cli.output import Screen
from nextlabel.cli.simulation_report import document, write
from nextlabel.contracts.errors import ProjectError
from nextlabel.engine.plugins.registry import Registry, load
from nextlabel.engine.project_files import ProjectConfig, Projects, load_projects
from nextlabel.engine.services import Services
from nextlabel.engine.settings import Settings
from nextlabel.engine.simulation.annotators import EXACT, KINDS, Annotator
from nextlabel.engine.simulation.curves import LEVELS, Curve, curves
from nextlabel.engine.simulation.simulate import Plan, Point, simulate
from nextlabel.store.home import check_writable


@click.command("simulate")
@project_name
@click.option("--strategy", "strategies", help="Names, separated by commas; by default the project's own.")
@click.option("--start", type=click.IntRange(0), help="Labels at the start; by default as many as the project says.")
@click.option("--size", type=click.IntRange(1), default=10, show_default=True, help="Labels a round.")
@click.option("--rounds", type=click.IntRange(0), default=10, show_default=True, help="Rounds of asking and training.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Runs of each strategy.")
@click.option(
    "--annotators",
    default=EXACT,
    show_default=True,
    help="Who answers; names, separated by commas: "
    + "; ".join(f"{name} {does}" for name, does in KINDS.items())
    + ".",
)
@click.option(
    "--confusion",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="How often an item of a class with look-alikes is in doubt, to any annotator but exact.",
)
@click.option(
    "--look-alikes",
    help="Groups of classes, as 4:9,3:5:8; by default pairs, nearest class means first, outside the hold-out.",
)
@click.option("--out", type=FOLDER, help="Write curve.csv, curve.json and curve.svg to this folder.")
@as_json
@with_settings()
def command(
    settings: Settings,
    name: str,
    strategies: str | None,
    start: int | None,
    size: int,
    rounds: int,
    seeds: int,
    annotators: str,
    confusion: float,
    look_alikes: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Play the loop of PROJECT with its data set's own labels, through the engine that serves.

    Nothing is kept but what --out asks for. A run ends early where the project's goal is reached.
    """
    registry = load(blocked=[name.strip() for name in settings.blocked_plugins.split(",") if name.strip()])
    registry.check()
    config = load_projects(registry, settings.projects).get(name)
    if config.learner.source() is not None:
        raise ProjectError(
            f"project {name!r} reads features from another project's checkpoint, and a simulation, which starts "
            "from nothing, has none"
        )
    names = _names(strategies or config.strategy.plugin)
    for strategy in names:
        registry.strategy(strategy)  # an unknown one is refused before an hour of work
    kinds = [Annotator(name).kind for name in _names(annotators)]
    groups = [_names(group, ":") for group in _names(look_alikes)] if look_alikes else None
    plan = Plan(config, names, start, size, rounds, seeds, kinds, confusion, groups)
    if out is not None:
        check_writable(out)
    screen = Screen(as_json)
    points: list[Point] = []
    with screen.progress(f"simulating {config.name}") as advance:
        total = len(names) * len(kinds) * seeds * (rounds + 1)
        for point in simulate(plan, _maker(settings, registry)):
            points.append(point)
            place = names.index(point.strategy) * len(kinds) + kinds.index(point.annotator)
            place = place * seeds + point.seed - config.seed
            advance((place * (rounds + 1) + point.round + 1) / total, _words(point))
    found = curves(points)
    if not found:
        raise ProjectError(f"project {name!r} has no hold-out with known labels to measure on")
    screen.answer(document(plan, points, found), lambda console: _show(console, found))
    if out is not None:
        write(out, plan, points, found)
        if not as_json:
            click.echo(f"curve.csv, curve.json and curve.svg are in {out}")


def _names(said: str, by: str = ",") -> list[str]:
    """Return the different names there are, in the order said; BadParameter where there is none."""
    names = list(dict.fromkeys(name.strip() for name in said.split(by) if name.strip()))
    if not names:
        raise click.BadParameter(f"there is no name in {said!r}")
    return names


def _maker(settings: Settings, registry: Registry) -> Callable[[Path, ProjectConfig], Services]:
    def make(home: Path, config: ProjectConfig) -> Services:
        own = settings.model_copy(update={"home": home, "database_url": None, "default_project": config.name})
        app.prepare(own, bundled=False)  # a learning curve starts from nothing
        return app.build_services(own, registry, Projects({config.name: config}, {}))

    return make


def _words(point: Point) -> str:
    measured = point.metrics.get("accuracy")
    said = f" {measured:.1%}" if measured is not None else ""
    who = f", {point.annotator}" if point.annotator != EXACT else ""
    return f"{point.strategy}{who}, seed {point.seed}: {point.labels} labels{said}"


def _show(console: Console, found: Sequence[Curve]) -> None:
    metric = found[0].metric
    levels = LEVELS if metric == "accuracy" else ()
    table = Table("strategy", *(f"labels to {level:.0%}" for level in levels), f"final {metric}")
    for curve in found:
        table.add_row(curve.name, *(_needed(curve, level) for level in levels), _final(curve))
    console.print(table)


def _needed(curve: Curve, level: float) -> str:
    needed = curve.needed(level)
    if needed.labels is not None:
        return f"{needed.labels:.1f}"
    if not needed.reached:
        return "not reached"
    return f"reached by {needed.reached} of {len(curve.runs)}"


def _final(curve: Curve) -> str:
    mean, sd = curve.final()
    shown = ".1%" if curve.metric == "accuracy" else ".4g"
    return f"{mean:{shown}}" + (f" ± {sd:{shown}}" if len(curve.runs) > 1 else "")
