"""The build cache: one build for many askers, nothing left of a failed one."""

import os
import subprocess
import sys
import threading
import time

import pytest

from hadron_cosim import cache
from hadron_cosim.cache import build_once, cache_root, digest
from hadron_cosim.compiler import CompilerError, find_compiler


@pytest.fixture(autouse=True)
def root(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("HADRON_CACHE_DIR", str(folder))
    return folder


def _entries(root):
    return sorted(path.name for path in root.iterdir())


def test_environment_names_the_folder(root):
    assert cache_root() == root


def test_digest_keeps_parts_apart():
    keys = {digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("abc", ""), digest(b"abd")}
    assert len(keys) == 5
    assert digest("a") == digest(b"a")


def test_builds_once(root):
    calls = []

    def build(folder):
        calls.append(folder)
        (folder / "result").write_text("x")

    first = build_once("kind", "key", build)
    assert (first / "result").read_text() == "x"
    assert build_once("kind", "key", build) == first
    assert len(calls) == 1
    assert build_once("kind", "other", build) != first
    assert _entries(root) == ["kind-key", "kind-other"]


def test_failed_build_leaves_nothing(root):
    def fail(folder):
        (folder / "half").write_text("")
        raise CompilerError("no")

    with pytest.raises(CompilerError, match="no"):
        build_once("kind", "key", fail)
    assert [name for name in _entries(root) if not name.endswith(".lock")] == []
    assert build_once("kind", "key", lambda folder: None).is_dir()


def test_threads_that_want_the_same_wait(root):
    calls = []

    def build(folder):
        calls.append(folder)
        time.sleep(0.2)

    threads = [threading.Thread(target=build_once, args=("kind", "key", build)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_processes_that_want_the_same_wait(root, tmp_path):
    program = ("import sys, time; from hadron_cosim.cache import build_once\n"
               "def build(folder):\n"
               "    open(sys.argv[1], 'a').write('x'); time.sleep(0.3)\n"
               "build_once('kind', 'key', build)\n")
    log = tmp_path / "log"
    processes = [subprocess.Popen([sys.executable, "-c", program, str(log)]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert log.read_text() == "x"


def test_forgets_what_nobody_used(root):
    old = build_once("kind", "old", lambda folder: None)
    other = build_once("kind", "used", lambda folder: None)
    kept = build_once("another", "old", lambda folder: None)
    past = time.time() - 86400 * (cache.UNUSED_DAYS + 1)
    for path in (old, other, kept):
        os.utime(path, (past, past))
    build_once("kind", "used", lambda folder: None)
    build_once("kind", "new", lambda folder: None)
    assert _entries(root) == ["another-old", "kind-new", "kind-used"]


def test_says_what_to_install_without_a_compiler(monkeypatch):
    monkeypatch.setenv("HADRON_CXX", "/no/such/compiler")
    with pytest.raises(CompilerError, match=r"HADRON_CXX=/no/such/compiler: not a C\+\+ compiler"):
        find_compiler()


def test_compiler_errors_are_quoted(tmp_path):
    source = tmp_path / "wrong.cc"
    source.write_text("int main() { return unknown_name; }\n")
    with pytest.raises(CompilerError, match="unknown_name"):
        find_compiler().compile_objects([source], [], tmp_path)
