"""Write files so that nobody ever sees half of one."""

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from hadron.errors import UsageError

__all__ = ["check_file", "make_folder", "write_bytes", "write_json", "write_text"]


def make_folder(folder: str | Path) -> Path:
    """Make a folder for output, unless it is there; check that files can be made in it.

    Raises
    ------
    UsageError
        When that is not possible.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path, prefix=".hadron.")
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}") from None
    return path


def check_file(path: str | Path) -> None:
    """Check that a file can be written, without writing it.

    Raises
    ------
    UsageError
        When it cannot.
    """
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder")
    if _is_special(path):
        if not os.access(path, os.W_OK):
            raise UsageError(f"cannot write {path}: {os.strerror(errno.EACCES)}")
        return
    if not path.parent.is_dir():
        raise UsageError(f"cannot write {path}: no folder {path.parent}")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file under another name beside it, then rename it; devices and pipes are written to.

    Raises
    ------
    UsageError
        When the file cannot be written.
    """
    path = Path(path)
    temporary: str | None = None
    try:
        if _is_special(path):
            path.write_bytes(data)
            return
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise UsageError(f"cannot write {path}: {error.strerror}") from None
        raise


def _is_special(path: Path) -> bool:
    """Whether a path is a device, a pipe, or a link, which must stay what it is."""
    return path.exists() and (path.is_symlink() or not path.is_file())


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8; see :func:`write_bytes`."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON; see :func:`write_bytes`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
