"""The pool as the pages show it: its items filtered, searched and counted, one item in detail, and uploads."""
