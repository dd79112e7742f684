"""Everything a plugin author needs.

`hookspecs` has the hooks to implement, `interfaces` the classes to subclass, `plugin_records`
the records that hooks yield, `data` the arrays that are passed, and `errors` the exceptions.
"""

from nextlabel.contracts.data import (
    BoolArray,
    Contents,
    Files,
    FloatArray,
    GraphItems,
    ImageItems,
    IntArray,
    Items,
    Need,
    Outputs,
    PixelArray,
    Pixels,
    Pool,
    Selection,
    Targets,
    TestSplit,
    VectorItems,
)
from nextlabel.contracts.hookspecs import hookimpl
from nextlabel.contracts.interfaces import (
    Dataset,
    ImageInput,
    Learner,
    Model,
    NoParameters,
    Strategy,
    Training,
    VectorInput,
)
from nextlabel.contracts.plugin_records import Bounds, DatasetPlugin, LearnerPlugin, ProjectPlugin, StrategyPlugin

__all__ = [
    "BoolArray",
    "Bounds",
    "Contents",
    "Dataset",
    "DatasetPlugin",
    "Files",
    "FloatArray",
    "GraphItems",
    "ImageInput",
    "ImageItems",
    "IntArray",
    "Items",
    "Learner",
    "LearnerPlugin",
    "Model",
    "Need",
    "NoParameters",
    "Outputs",
    "PixelArray",
    "Pixels",
    "Pool",
    "ProjectPlugin",
    "Selection",
    "Strategy",
    "StrategyPlugin",
    "Targets",
    "TestSplit",
    "Training",
    "VectorInput",
    "VectorItems",
    "hookimpl",
]
