"""The projects `cifar10-flexmatch` and `cifar10-flexmatch-small`, and a training that is killed by the system."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from nextlabel.engine.evaluation.seed_results import trained_with
from nextlabel.engine.plugins.parameters import validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import load_projects
from nextlabel.testing import check_project
from nextlabel_plugins.learners.flexmatch import FlexMatchParameters

ROOT = Path(__file__).parents[3]


def test_the_settings_are_those_of_the_program(registry: Registry) -> None:
    check_project(registry.projects["cifar10-flexmatch"].record, registry)
    project = load_projects(registry, None).get("cifar10-flexmatch")
    assert (project.dataset.plugin, project.learner.plugin) == ("cifar10", "flexmatch")
    assert (project.labels.initial, project.labels.holdout) == (4000, 0)
    options = validate(FlexMatchParameters, project.learner.parameters, "[learner]")
    assert (options.network, options.batch_size, options.mu) == ("wideresnet", 64, 7)
    assert (options.learning_rate, options.weight_decay, options.ema_decay) == (0.03, 5e-4, 0.999)
    assert (options.threshold, options.unlabelled_weight, options.steps) == (0.95, 1.0, 2**20)
    assert (options.curriculum, options.threshold_warmup, options.expand_labels) == ("convex", True, True)
    assert (options.augment, options.augment_strength, options.burn_in_steps) == ("ctaugment", 0.5, 0)
    assert (options.augment_labelled, options.cutout, options.shift, options.flip) == (False, 0.5, 0.125, True)
    assert (options.teacher, options.progressive_resize, options.tta) == ("network", False, "none")


def test_the_small_project_has_as_many_labels(registry: Registry) -> None:
    check_project(registry.projects["cifar10-flexmatch-small"].record, registry)
    projects = load_projects(registry, None)
    small, project = projects.get("cifar10-flexmatch-small"), projects.get("cifar10-flexmatch")
    assert (small.dataset, small.labels) == (project.dataset, project.labels)
    assert validate(FlexMatchParameters, small.learner.parameters, "[learner]").network == "fast"


def test_the_table_shows_results_of_the_current_settings_alone(registry: Registry, tmp_path: Path) -> None:
    specification = spec_from_file_location("flexmatch_benchmark", ROOT / "benchmarks" / "flexmatch.py")
    assert specification is not None
    assert specification.loader is not None
    benchmark = module_from_spec(specification)
    specification.loader.exec_module(benchmark)
    file = tmp_path / "small.toml"
    file.write_text(benchmark.project_file("small", 0), "utf-8")
    tables = trained_with(load_projects(registry, None, file).get("small"), registry)

    def shown(table: str = "", **changes: Any) -> bool:
        parameters = {**tables, **({table: {**tables[table], **changes}} if table else {})}
        result = {"project": "small", "seed": 0, "parameters": parameters, "metrics": {"test_accuracy": 0.5}}
        return len(benchmark.rows([result | {"seconds": 60, "steps": 1, "threads": 2, "precision": None}])) == 3

    assert shown()
    assert shown("learner", weight_decay=5e-4)  # the default
    assert shown("labels", control=0.0)
    assert not shown("learner", weight_decay=1e-3)
    assert not shown("learner", renamed=1)
    assert not shown("labels", initial=400)
    assert not shown("dataset", limit=1000)


PROJECT = """dataset = {{plugin = "digits"}}
labels = {{initial = 40}}
[learner]
plugin = "flexmatch"
network = "fast"
filters = 4
steps = {steps}
burn_in_steps = 5
batch_size = 16
mu = 2
teacher = "average"
augment = "ctaugment"
"""
SAVING_OFTEN = "from nextlabel_plugins.networks.training import resume; resume.SAVE_EVERY = 0.0; "
NOTING = """
import sys
from nextlabel_plugins.networks.training.resume import ResumeFile
load = ResumeFile.load
def noting(file):
    updates = load(file)
    print("resumes after", updates, file=sys.stderr)
    return updates
ResumeFile.load = noting
"""
TRAIN = "from nextlabel.cli.main_group import cli; cli(['train', 'killed'])"


@pytest.mark.slow
def test_a_training_that_is_killed_gives_the_same_weights(tmp_path: Path) -> None:
    (tmp_path / "killed.toml").write_text(PROJECT.format(steps=60))

    def start(home: str, code: str) -> subprocess.Popen[str]:
        settings = {"NEXTLABEL_HOME": str(tmp_path / home), "NEXTLABEL_PROJECTS": str(tmp_path)}
        more = {"NEXTLABEL_TRAIN_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment = os.environ | settings | more
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )

    def finish(process: subprocess.Popen[str]) -> str:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        return output

    def wait_until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    killed = start("killed", SAVING_OFTEN + TRAIN)
    folder = tmp_path / "killed"
    wait_until(lambda: len(list(folder.glob("**/training.pt"))) == 1)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert not list(folder.glob("**/weights.safetensors"))
    assert "resumes after 0" not in finish(start("killed", NOTING + TRAIN))
    finish(start("whole", TRAIN))
    resumed, whole = (load_file(next((tmp_path / home).glob("**/weights.safetensors"))) for home in ("killed", "whole"))
    assert resumed.keys() == whole.keys()
    assert all((resumed[name] == whole[name]).all() for name in whole)
