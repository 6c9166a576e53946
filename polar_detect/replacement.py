"""A folder that is replaced whole: the new one is written beside it and then takes its place.

Two renames do that, between which there is no folder. Whoever looks for it then waits for the
second one; where that was never made, the former folder comes back.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from polar_detect.tables.staging import alone_in


@contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of `folder` when the block ends without an error.

    A kill leaves the former folder, or the new one; what else it leaves, the next call removes.
    """
    target = folder.resolve()  # a link keeps pointing to the folder that it names
    target.parent.mkdir(parents=True, exist_ok=True)
    staged, former = target.with_name(f".{target.name}.staged"), _former(target)
    with alone_in(target.parent):
        _put_back(target)
        for left in (staged, former):
            shutil.rmtree(left, ignore_errors=True)
        try:
            staged.mkdir()
            yield staged
            if target.exists():
                target.rename(former)
            staged.rename(target)
        finally:
            for left in (staged, former):
                shutil.rmtree(left, ignore_errors=True)


def settle(folder: Path) -> None:
    """Wait for whoever is replacing `folder`, and put the former one back if that was killed."""
    target = folder.resolve()
    if target.exists() or not _former(target).exists():
        return
    with suppress(OSError), alone_in(target.parent):  # where nothing may be written, none is saved
        _put_back(target)


def _put_back(target: Path) -> None:
    if _former(target).exists() and not target.exists():
        _former(target).rename(target)


def _former(target: Path) -> Path:
    return target.with_name(f".{target.name}.former")
