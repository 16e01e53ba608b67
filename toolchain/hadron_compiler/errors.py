"""What the compiler says when it will not compile: one line a problem, what and which limit."""

from collections.abc import Sequence

__all__ = ["CapacityError", "CompileError", "ModelFormatError", "UnsupportedError", "VerifyError"]


class CompileError(ValueError):
    """A model that cannot be compiled; the message is made for the user."""


class ModelFormatError(CompileError):
    """A file that is not a model, or a damaged one."""


class UnsupportedError(CompileError):
    """A sound model that asks for something Hadron does not do.

    Parameters
    ----------
    source : str
        Name of the model.
    problems : sequence of str
        All that was found, each one line naming operator, tensor and limit.
    """

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            text = f"{source}: {self.problems[0]}"
        else:
            lines = "".join(f"\n  {problem}" for problem in self.problems)
            text = f"{source}: {len(self.problems)} problems:{lines}"
        super().__init__(text)


class CapacityError(CompileError):
    """An operator whose smallest piece does not fit the memories of the configuration."""


class VerifyError(AssertionError):
    """A pass left the graph inconsistent: a defect of the compiler, never of the model."""
