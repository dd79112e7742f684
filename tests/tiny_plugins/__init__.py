"""Tiny third-party plugins: the field's classic strategies and learners, each as short as the contract allows."""

TINY = (
    "regression",
    "graph",
    "spreading",
    "badge",
    "bald",
    "clusters",
    "probcover",
)
"""The modules with plugins."""
