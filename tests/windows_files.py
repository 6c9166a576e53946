"""Windows' rule for files, on Linux: one that a process has open is not removed, nor renamed.

Python opens files there so that nobody may delete them meanwhile; a file that is mapped into
memory cannot be replaced either, and a folder not renamed while a file inside it is open.
"""

import errno
import os
import shutil
import sys
from pathlib import Path

from polar_detect import atomic

_DESCRIPTORS = Path("/proc/self/fd")


def hold_open_files(monkeypatch):
    """Refuse what Windows refuses: to remove, rename or replace what this process has open."""

    def guarded(function, n_paths):
        def call(*paths, dir_fd=None, **options):
            for path in paths[:n_paths]:
                _check(path, dir_fd)
            return function(*paths, dir_fd=dir_fd, **options) if dir_fd else function(*paths)

        return call

    for name, n_paths in (("unlink", 1), ("remove", 1), ("rename", 2), ("replace", 2)):
        monkeypatch.setattr(os, name, guarded(getattr(os, name), n_paths))
    monkeypatch.setattr(shutil, "_use_fd_functions", False)
    monkeypatch.setattr(atomic, "fcntl", None)


def refusal(number, reason, path=None):
    """Return the error of Windows of a number: 5 is denied access, 32 a file in use."""
    error = PermissionError(errno.EACCES, reason, path and str(path))
    error.winerror = number
    return error


def refused(function, n_times, number=32):
    """Return a function that another program is in the way of, so many times."""
    left = [n_times]

    def call(*given, **options):
        if left[0]:
            left[0] -= 1
            raise refusal(number, "The process cannot access the file", given[0])
        return function(*given, **options)

    return call


def _check(path, dir_fd):
    within = (_DESCRIPTORS / str(dir_fd)).readlink() if dir_fd else Path.cwd()
    found = os.path.realpath(within / os.fsdecode(path))
    if any(held == found or held.startswith(f"{found}/") for held in _held()):
        raise refusal(32, "The process cannot access the file", path)


def _held():
    for entry in _DESCRIPTORS.iterdir():
        try:
            yield str(entry.readlink())
        except FileNotFoundError:  # that of the listing itself
            continue
    for line in Path("/proc/self/maps").read_text().splitlines():
        yield line[73:]


class LikeSys:
    """The module `sys` of another platform."""

    def __init__(self, platform):
        vars(self)["platform"] = platform

    def __getattr__(self, name):
        return getattr(sys, name)

    def __setattr__(self, name, value):
        setattr(sys, name, value)
