"""The built-in plugins, discovered through entry points like third-party ones."""
