"""Checks that every plugin must pass. Plugin authors run them with any test runner.

Each raises AssertionError with the plugin, the data used and the fault:

    from nextlabel.testing import check_plugin
    import my_plugin

    def test_plugin():
        check_plugin(my_plugin)
"""

from nextlabel.testing.backbones import check_backbone
from nextlabel.testing.datasets import check_dataset
from nextlabel.testing.learners import check_learner
from nextlabel.testing.plugins import check_light, check_plugin, check_project
from nextlabel.testing.strategies import check_strategy

__all__ = [
    "check_backbone",
    "check_dataset",
    "check_learner",
    "check_light",
    "check_plugin",
    "check_project",
    "check_strategy",
]
