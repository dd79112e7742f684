"""Tiny third-party plugins: the field's classic strategies and learners, each as short as the contract allows."""

TINY = (
    "regression",
    "graph",
    "spreading",
    "core_set",
    "badge",
    "bald",
    "dbal",
    "clusters",
    "probcover",
    "gcn",
)
"""The modules with plugins."""
