"""Hadron: quantized networks on an open NPU."""

from hadron.errors import CheckFailedError, HadronError, UsageError
from hadron.report import RunReport
from hadron.session import Result, Session

__all__ = ["CheckFailedError", "HadronError", "Result", "RunReport", "Session", "UsageError"]
