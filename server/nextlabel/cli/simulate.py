"""nextlabel simulate: learning curves of strategies, with the true labels of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import click
from rich.console import Console

from nextlabel import app
from nextlabel.cli.options import FOLDER, as_json, project_name, with_settings
from nextlabel.cli.output import ProgressBar, Screen
from nextlabel.cli.simulation_text import epoch_line, progress_text, round_line, show_curves, show_reports
from nextlabel.contracts.errors import ProjectError
from nextlabel.engine.evaluation.outcome_report import Outcome
from nextlabel.engine.plugins.registry import Registry, load
from nextlabel.engine.project_files import ProjectConfig, Projects, load_projects
from nextlabel.engine.services import Services
from nextlabel.engine.settings import Settings
from nextlabel.engine.simulation.annotators import EXACT, KINDS, Annotator
from nextlabel.engine.simulation.comparison import comparisons
from nextlabel.engine.simulation.curves import TESTED, Curve, curves
from nextlabel.engine.simulation.outcomes import PooledReport, pooled_reports
from nextlabel.engine.simulation.report import document, write
from nextlabel.engine.simulation.simulate import Plan, Point, Run, Watch, simulate
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
@click.option(
    "--report",
    is_flag=True,
    help="Show precision, recall, F1 and support by class and the confusion matrix of the last round.",
)
@click.option(
    "--out",
    type=FOLDER,
    help="Write the curves (curve.csv, .json, .svg), the items asked (asked.json, .svg) and the fits (fit.svg) here.",
)
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
    report: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Simulate labelling and training of PROJECT with the true labels of its data set.

    Prints the loss of each epoch, if the learner reports it, and how good each round's checkpoint is.
    Uses the same engine as the server. Only the files of --out are stored. A run ends early when it
    reaches the project's goal. Without a hold-out, the data set's own test split is used for that, and without
    one the items that nobody has labelled.
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
    plan = Plan(config, strategy_names, start, size, rounds, seeds, kinds, confusion, groups, contents=out is not None)
    if out is not None:
        check_writable(out)
    screen = Screen(as_json)
    outcomes: dict[Run, Outcome] = {}
    with screen.progress(f"simulating {config.name}") as progress:
        watch = Watch(lambda epoch: progress.print(epoch_line(epoch)), outcomes.__setitem__ if report else None)
        points = _simulate(plan, _services_factory(settings, registry), watch, progress)
    _answer(screen, plan, points, pooled_reports(outcomes), out)


def _simulate(
    plan: Plan, create: Callable[[Path, ProjectConfig], Services], watch: Watch, progress: ProgressBar
) -> list[Point]:
    """Return the points of a simulation, and show each."""
    points: list[Point] = []
    runs = list(product(plan.strategies, plan.annotators, range(plan.project.seed, plan.project.seed + plan.seeds)))
    for point in simulate(plan, create, watch):
        points.append(point)
        progress.print(round_line(point))
        done = runs.index((point.strategy, point.annotator, point.seed)) + (point.round + 1) / (plan.rounds + 1)
        progress(done / len(runs), progress_text(point))
    return points


def _answer(
    screen: Screen, plan: Plan, points: Sequence[Point], reports: Sequence[PooledReport], out: Path | None
) -> None:
    """Print the results, and write them to the folder `out`. Raises ProjectError if nothing was measured."""
    results = curves(points)
    if not results:
        raise ProjectError(f"project {plan.project.name!r} has no items with known labels to measure on")
    tested = [] if results[0].on_test_split else curves(points, TESTED)

    compared = comparisons(points, results, plan.project.seed)

    def show(console: Console) -> None:
        show_curves(console, results, tested, compared)
        show_reports(console, reports)

    result = document(plan, points, results, compared, reports)
    screen.answer(result, show)
    if not screen.as_json:
        _show_measured_on(results[0], plan.project)
    if out is not None:
        names = write(out, plan, points, results, result)
        if not screen.as_json:
            click.echo(f"{', '.join(names[:-1])} and {names[-1]} are in {out}")


def _show_measured_on(curve: Curve, config: ProjectConfig) -> None:
    """State what a curve was measured on if that is not the hold-out."""
    stops = ", and a run stops when it reaches the goal on" if config.stop.accuracy or config.stop.rmse else ""
    if curve.on_test_split:
        stops = stops and f"{stops} it"
        click.echo(f"there is no hold-out: this is measured on the data set's own test split{stops}")
    elif curve.on_unlabelled:
        stops = stops and f"{stops} them"
        click.echo(
            "there is neither a hold-out nor a test split: this is measured on the items that nobody has labelled, "
            f"which a transductive learner uses unlabelled{stops}"
        )


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
