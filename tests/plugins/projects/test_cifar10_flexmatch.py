"""The projects `cifar10-flexmatch` and `cifar10-flexmatch-small`, and a training that is killed by the system."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from nextlabel.engine.plugins.parameters import validate
from nextlabel.engine.plugins.registry import Registry
from nextlabel.engine.project_files import load_projects
from nextlabel.testing import check_project
from nextlabel_plugins.learners.flexmatch import FlexMatchParameters


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


def test_the_small_project_has_as_many_labels(registry: Registry) -> None:
    check_project(registry.projects["cifar10-flexmatch-small"].record, registry)
    projects = load_projects(registry, None)
    small, project = projects.get("cifar10-flexmatch-small"), projects.get("cifar10-flexmatch")
    assert (small.dataset, small.labels) == (project.dataset, project.labels)
    assert validate(FlexMatchParameters, small.learner.parameters, "[learner]").network == "fast"


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
