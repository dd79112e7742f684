"""What a plugin author reads, and all of it.

`hookspecs` is the door, `roles` are the classes to subclass, `records` what hooks yield,
`items` the arrays that pass between, `errors` what may be raised.
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
