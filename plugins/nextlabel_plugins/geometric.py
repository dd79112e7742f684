"""PyTorch Geometric, which only the extra `nextlabel[graph]` installs."""

from __future__ import annotations

import warnings

from nextlabel.contracts.errors import PluginError


def load_geometric(user: str) -> None:
    """Import PyTorch Geometric for `user`, a plugin's kind and name. Raises PluginError if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the import calls functions of torch that are deprecated
            import torch_geometric  # noqa: F401, PLC0415 - the import takes seconds
    except ModuleNotFoundError:
        raise PluginError(f"the {user} needs PyTorch Geometric: pip install 'nextlabel[graph]'") from None
