"""The command ``hadron``: one module a command."""

from hadron.cli.application import app, main

__all__ = ["app", "main"]
