"""Which modules may know what: the map of the design, held by the imports themselves."""

import ast
from pathlib import Path

import pytest

import polar_detect

PACKAGE = Path(polar_detect.__file__).parent
# Whatever is behind the signatures, and the searches, run without the models.
WITHOUT_TORCH = (
    "errors", "program", "schedule", "search", "space", "interchange", "features", "detectors",
    "outliers", "calibration", "metrics", "drift", "explain", "tables", "sealing", "contents",
    "visible", "language", "numbers",
    "report.html", "report.markdown", "report.as_json", "report.terminal", "cli",
)  # fmt: skip
ONLY_BACKBONES = {"backbone", "encoder_backbone", "loading", "quick_block"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """Return the modules that `path` imports when it is imported itself."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


MODULES = {module_name(path): imports(path) for path in PACKAGE.rglob("*.py")}


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


def parts_of(name: str) -> list[str]:
    inside = [n for n in MODULES if n == name or n.startswith(f"{name}.")]
    return inside if name != "cli" else ["cli"]  # commands are imported when they are run


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_modules_behind_the_signatures_do_not_import_torch(name):
    assert parts_of(name)
    for module in parts_of(name):
        heavy = {n for n in reached(module) if n.split(".")[0] in {"torch", "transformers"}}
        assert not heavy, f"{module} reaches {sorted(heavy)}"


def test_the_check_sees_torch_where_it_is():
    assert "torch" in reached("executor")
    assert "torch" in reached("report.build")  # by way of the detector


def test_only_the_backbones_know_transformers():
    users = {
        name
        for name, found in MODULES.items()
        if any(n.split(".")[0] == "transformers" for n in found)
    }
    assert "quick_block" in users
    assert {name for name in users if not name.startswith("models")} <= ONLY_BACKBONES


def test_modules_do_not_import_each_other_in_a_circle():
    for name, found in MODULES.items():
        for imported in (n.removeprefix("polar_detect.") for n in found):
            if imported in MODULES and imported not in name and name not in imported:
                assert name not in reached(imported), f"{name} ↔ {imported}"
