"""The plugins that were in tests/ at commit 2780a28, unchanged: the contract must still carry them."""
