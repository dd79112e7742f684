"""Measures a checkpoint on a test split or the hold-out, and bundles it for release."""
