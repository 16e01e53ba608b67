"""The build cache: everything compiled is compiled once, whoever asks and how often.

A build lives in ``<cache>/<kind>-<key>/``; the key hashes every input (sources, compiler, flags),
so an entry is never stale. It is made in a temporary folder beside it and renamed into place under
a lock: an interrupted build leaves nothing behind and two processes that want the same one build it
once.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

__all__ = ["UNUSED_DAYS", "build_once", "cache_root", "digest"]

UNUSED_DAYS = 60
"""Entries nobody used for this long are removed when a new one of their kind is built."""


def cache_root() -> Path:
    """Return the folder builds are kept in: ``HADRON_CACHE_DIR``, or the user's cache folder."""
    override = os.environ.get("HADRON_CACHE_DIR")
    return Path(override) if override else Path(platformdirs.user_cache_dir("hadron"))


def digest(*parts: str | bytes) -> str:
    """Hash the inputs of a build into a key; parts are kept apart by their lengths."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()[:24]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_unused(root: Path, kind: str) -> None:
    limit = time.time() - UNUSED_DAYS * 86400
    for path in root.glob(f"{kind}-*"):
        with contextlib.suppress(OSError):
            if path.is_dir() and path.stat().st_mtime < limit:
                shutil.rmtree(path, ignore_errors=True)


def build_once(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of a build, making it first when the cache has none.

    Parameters
    ----------
    kind : str
        What is built; the first part of the folder's name.
    key : str
        :func:`digest` of every input.
    build : callable
        Takes an empty folder and fills it. When it raises, the folder is dropped and the exception
        goes on to the caller.

    Returns
    -------
    Path
        The folder, complete; treat it as read-only.
    """
    root = cache_root()
    final = root / f"{kind}-{key}"
    if final.is_dir():
        with contextlib.suppress(OSError):  # a cache that others made may be read-only
            os.utime(final)
        return final
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f"{kind}-{key}.lock"):
        if final.is_dir():
            return final
        temporary = Path(tempfile.mkdtemp(prefix=f".{kind}-", dir=root))
        try:
            build(temporary)
            temporary.chmod(0o755)
            temporary.rename(final)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    (root / f"{kind}-{key}.lock").unlink(missing_ok=True)
    _remove_unused(root, kind)
    return final
