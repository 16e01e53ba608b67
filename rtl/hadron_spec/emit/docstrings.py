"""Read the docstrings that follow the members of an enumeration."""

import ast
import inspect
import textwrap
from enum import Enum

__all__ = ["member_docstrings"]


def member_docstrings(enumeration: type[Enum]) -> dict[str, str]:
    """Return, for each member that has one, the string literal that follows its assignment.

    Python drops these strings; editors and this module read them from the source.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(enumeration)))
    definition = tree.body[0]
    assert isinstance(definition, ast.ClassDef)
    docstrings = {}
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            text = following.value.value
            if isinstance(text, str):
                docstrings[statement.targets[0].id] = " ".join(text.split())
    return docstrings
