"""The package's modules by what they import, read off their sources without importing them."""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

import polar_detect

_PACKAGE = Path(polar_detect.__file__).parent


def _module_name(path: Path) -> str:
    return ".".join(path.relative_to(_PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def _imports(path: Path) -> set[str]:
    """Return the modules that `path` imports when it is imported itself."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


PATHS = {_module_name(path): path for path in sorted(_PACKAGE.rglob("*.py"))}
MODULES = {name: _imports(path) for name, path in PATHS.items()}


def digest(paths: Iterable[Path]) -> str:
    """Return a name of what these files hold."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


def reached(start: str) -> set[str]:
    """Return everything that importing a module imports."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [n.removeprefix("polar_detect.") for n in MODULES.get(name, ())]
    return seen


def behind(objects: Iterable[object]) -> tuple[Path, ...]:
    """Return the package's sources that the modules defining these classes or functions import.

    The modules themselves are among them. Named by an object, because a module may be renamed.
    """
    starts = {own.__module__.removeprefix("polar_detect.") for own in objects}
    names = set().union(*(reached(start) for start in starts))
    # The packages of a module are imported too.
    names |= {*(package for name in names for package in _packages(name))}
    return tuple(path for name, path in PATHS.items() if name in names)


def _packages(name: str) -> list[str]:
    """Return the packages that a module stands in, the innermost first.

    >>> _packages("signature.reading.tracer")
    ['signature.reading', 'signature']
    """
    package = name.rpartition(".")[0]
    return [package, *_packages(package)] if package else []
