"""nextlabel simulate: learning curves of strategies, with the true labels of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from nextlabel import app
from nextlabel.cli.options import FOLDER, as_json, project_name, with_settings
from nextlabel.cli.output import Screen
from nextlabel.contracts.errors import ProjectError
from nextlabel.engine.plugins.registry import Registry, load
from nextlabel.engine.project_files import ProjectConfig, Projects, load_projects
from nextlabel.engine.services import Services
from nextlabel.engine.settings import Settings
from nextlabel.engine.simulation.annotators import EXACT, KINDS, Annotator
from nextlabel.engine.simulation.curves import LEVELS, TESTED, Curve, curves
from nextlabel.engine.simulation.report import document, write
from nextlabel.engine.simulation.simulate import Plan, Point, simulate
from nextlabel.store.home import check_writable


@click.command("simulate")
@project_name
@click.option("--strategy", "strategies", help="Strategies, separated by commas; by default the project's.")
@click.option("--start", type=click.IntRange(0), help="Labels at the start; by default as in the project file.")
@click.option("--size", type=click.IntRange(1), help="Labels per round; by default as in the project file.")
@click.option(
    "--rounds", type=click.IntRange(0), help="Rounds of labels and training; by default as in the project file."
)
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="Runs of each strategy.")
@click.option(
    "--annotators",
    default=EXACT,
    show_default=True,
    help="Kinds of simulated annotators, separated by commas: "
    + "; ".join(f"{name}: {does}" for name, does in KINDS.items())
    + ".",
)
@click.option(
    "--confusion",
    type=click.FloatRange(0, 1),
    default=0.3,
    show_default=True,
    help="Probability that an item whose class has look-alikes is in doubt, for all annotators except exact.",
)
@click.option(
    "--look-alikes",
    help="Groups of classes, as in 4:9,3:5:8; by default pairs with the nearest means, without the hold-out.",
)
@click.option("--out", type=FOLDER, help="Write curve.csv, curve.json and curve.svg to this folder.")
@as_json
@with_settings()
def command(
    settings: Settings,
    name: str,
    project_file: Path | None,
    strategies: str | None,
    start: int | None,
    size: int | None,
    rounds: int | None,
    seeds: int,
    annotators: str,
    confusion: float,
    look_alikes: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Simulate labelling and training of PROJECT with the true labels of its data set.

    Uses the same engine as the server. Only the files of --out are stored. A run ends early when it
    reaches the project's goal. Without a hold-out, the data set's own test split is used for that.
    """
    registry = load(blocked=[name.strip() for name in settings.blocked_plugins.split(",") if name.strip()])
    registry.check()
    config = load_projects(registry, settings.projects, project_file).get(name)
    if config.learner.features_project() is not None:
        raise ProjectError(
            f"project {name!r} reads features from another project's checkpoint; "
            "a simulation starts without checkpoints"
        )
    strategy_names = _names(strategies or config.strategy.plugin)
    for strategy in strategy_names:
        registry.strategy(strategy)  # raises for an unknown one, before an hour of work
    kinds = [Annotator(name).kind for name in _names(annotators)]
    groups = [_names(group, ":") for group in _names(look_alikes)] if look_alikes else None
    own = config.simulate
    start = own.start if start is None else start
    size = size or own.size or config.strategy.size
    rounds = own.rounds if rounds is None else rounds
    plan = Plan(config, strategy_names, start, size, rounds, seeds, kinds, confusion, groups)
    if out is not None:
        check_writable(out)
    screen = Screen(as_json)
    points: list[Point] = []
    with screen.progress(f"simulating {config.name}") as advance:
        total = len(strategy_names) * len(kinds) * seeds * (rounds + 1)
        for point in simulate(plan, _services_factory(settings, registry)):
            points.append(point)
            run = strategy_names.index(point.strategy) * len(kinds) + kinds.index(point.annotator)
            run = run * seeds + point.seed - config.seed
            advance((run * (rounds + 1) + point.round + 1) / total, _progress_text(point))
    results = curves(points)
    if not results:
        raise ProjectError(f"project {name!r} has no hold-out with known labels, and no test split, to measure on")
    tested = [] if results[0].on_test_split else curves(points, TESTED)
    screen.answer(document(plan, points, results), lambda console: _show(console, results, tested))
    if results[0].on_test_split and not as_json:
        stops = ", and a run stops when it reaches the goal on it" if config.stop.accuracy or config.stop.rmse else ""
        click.echo(f"there is no hold-out: this is measured on the data set's own test split{stops}")
    if out is not None:
        write(out, plan, points, results)
        if not as_json:
            click.echo(f"curve.csv, curve.json and curve.svg are in {out}")


def _names(text: str, separator: str = ",") -> list[str]:
    """Return the distinct names in a list. Raises BadParameter if there is none."""
    names = list(dict.fromkeys(name.strip() for name in text.split(separator) if name.strip()))
    if not names:
        raise click.BadParameter(f"there is no name in {text!r}")
    return names


def _services_factory(settings: Settings, registry: Registry) -> Callable[[Path, ProjectConfig], Services]:
    def create(home: Path, config: ProjectConfig) -> Services:
        own = settings.model_copy(update={"home": home, "database_url": None, "default_project": config.name})
        app.prepare(own, bundled=False)  # a learning curve starts without a checkpoint
        return app.build_services(own, registry, Projects({config.name: config}, {}))

    return create


def _progress_text(point: Point) -> str:
    accuracy = point.metrics.get("accuracy", point.metrics.get("test_accuracy"))
    result = f", {accuracy:.1%}" if accuracy is not None else ""
    annotator = f", {point.annotator}" if point.annotator != EXACT else ""
    return f"{point.strategy}{annotator}, seed {point.seed}: {point.labels} labels{result}"


def _show(console: Console, results: Sequence[Curve], tested: Sequence[Curve]) -> None:
    """Print a row per curve. `tested` are the same curves on the test split, if there is one beside the hold-out."""
    levels = LEVELS if results[0].is_accuracy else ()
    finals = [f"final {shown[0].metric.replace('_', ' ')}" for shown in (results, tested) if shown]
    table = Table("strategy", *(f"labels to {level:.0%}" for level in levels), *finals)
    for row, curve in enumerate(results):
        values = [_final(shown[row]) for shown in (results, tested) if shown]
        table.add_row(curve.name, *(_needed(curve, level) for level in levels), *values)
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
    spec = ".1%" if curve.is_accuracy else ".4g"
    return f"{mean:{spec}}" + (f" ± {sd:{spec}}" if len(curve.runs) > 1 else "")
