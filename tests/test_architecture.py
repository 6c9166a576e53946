"""Which modules may know what: the map of the design, held by the imports themselves."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from sources import MODULES, PATHS, reached

import polar_detect

# Whatever is behind the signatures, the searches, and a detector that goes by columns, with the
# commands for it, run without the models.
WITHOUT_TORCH = (
    "errors", "program", "executor.schedule", "search", "programs.interchange",
    "features", "signature.columns", "signature.labelled", "signature.normal.row_reference",
    "detectors", "pipeline.outliers", "calibration", "metrics", "drift", "explain", "tables",
    "artifact.sealing", "artifact.contents", "texts", "models.fluency", "backbone.tokenizing",
    "messages", "report", "cli", "detector", "artifact.reading", "artifact.writing",
    "scoring", "serve", "monitoring",
    "cli.commands.fit", "cli.commands.score", "cli.commands.report", "cli.commands.serve",
    "cli.commands.compare",
)  # fmt: skip


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
    assert "torch" in reached("executor.decoder")
    assert "torch" in reached("transformer")  # by way of the engine


def test_only_one_module_beside_those_that_fetch_models_knows_transformers():
    users = {
        name
        for name, found in MODULES.items()
        if any(n.split(".")[0] == "transformers" for n in found)
    }
    assert {name for name in users if not name.startswith("models")} == {"backbone.hugging_face"}


def test_modules_do_not_import_each_other_in_a_circle():
    for name, found in MODULES.items():
        for imported in (n.removeprefix("polar_detect.") for n in found):
            if imported in MODULES and imported not in name and name not in imported:
                assert name not in reached(imported), f"{name} ↔ {imported}"


# From what knows nothing of the others to what knows them all.
LAYERS = (
    *("errors", "program", "numerics", "texts", "statistics", "tables", "models", "backbone"),
    *("search", "executor", "programs", "features", "signature", "detectors", "pipeline"),
    *("artifact", "messages", "report"),
)


def test_packages_import_only_what_stands_below_them():
    n_checked = 0
    for name, found in MODULES.items():
        own = name.split(".")[0]
        for imported in found if own in LAYERS else ():
            package = imported.removeprefix("polar_detect.").split(".")[0]
            if imported.startswith("polar_detect.") and package in LAYERS:
                assert LAYERS.index(package) <= LAYERS.index(own), f"{name} imports {imported}"
                n_checked += package != own
    assert n_checked > 100


def test_what_reads_features_does_not_know_how_signatures_are_made():
    for reader in ("detectors", "explain", "drift"):
        for name in parts_of(reader):
            assert not [n for n in MODULES[name] if n.startswith("polar_detect.signature")], name
    assert "polar_detect.features.table" in MODULES["detectors.base"]


PACKAGE = Path(polar_detect.__file__).parent


def test_the_reference_lists_the_packages_in_their_order():
    page = (PACKAGE / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| (`.*?) \|", page.split("\n## Code\n")[1].split("\n## ")[0])
    listed = re.findall(r"`(\w+)`", "".join(rows))
    assert set(listed) == {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert [n for n in listed if n in LAYERS] == [n for n in LAYERS if n in listed]


class Least(NamedTuple):
    """What there is at least to check of a package that has stages."""

    n_imports: int  # from one stage to another
    n_named: int  # modules on its page


STAGED = {
    "tables": Least(50, 20),
    "signature": Least(15, 15),
    "report": Least(15, 10),
    "compare": Least(10, 10),
}


def map_of(package: str) -> tuple[str, list[str]]:
    """Return the page of a package that has stages, and these in their order."""
    page = (PACKAGE / package / "README.md").read_text(encoding="utf-8")
    return page, re.findall(r"(?m)^\| `(\w+)` \|", page.split("\n## ")[0])


@pytest.mark.parametrize("package", STAGED)
def test_stages_are_the_packages_and_import_only_those_above_them(package):
    _, stages = map_of(package)
    assert set(stages) == {path.parent.name for path in PACKAGE.glob(f"{package}/*/__init__.py")}
    n_checked = 0
    for name, found in MODULES.items():
        for imported in (n for n in found if n.startswith(f"polar_detect.{package}.")):
            own, other = (n.split(f"{package}.")[-1].split(".")[0] for n in (f"{name}.", imported))
            if name.startswith(f"{package}.") and {own, other} <= set(stages):
                assert stages.index(other) <= stages.index(own), f"{name} imports {imported}"
                n_checked += other != own
    assert n_checked > STAGED[package].n_imports


@pytest.mark.parametrize("package", STAGED)
def test_the_map_of_stages_names_modules_that_there_are(package):
    page, stages = map_of(package)
    named = re.findall(r"`((?:" + "|".join(stages) + r")\.\w+)", page)
    assert len(set(named)) > STAGED[package].n_named
    assert [name for name in named if f"{package}.{name}" not in MODULES] == []


def test_each_group_of_features_stands_on_the_map_of_signatures():
    page, _ = map_of("signature")
    groups = {
        argument.value
        for name, path in PATHS.items()
        if name.split(".")[0] in {"signature", "features"}
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in {"Feature", "by_layer"}
        for argument in call.args[:1]
        if isinstance(argument, ast.Constant)
    }
    assert len(groups) > 8
    assert [group for group in groups if f"`{group}`" not in page] == []


ARRAYS = re.compile(r"\b(\w*Array|Tensor|Vector|FeatureTable|Mask|\w*States)\b")


def records():
    """Return (decorator, types of fields) by name of every dataclass of the package."""
    return {
        f"{path.stem}.{node.name}": (
            ast.unparse(decorator),
            [ast.unparse(f.annotation) for f in node.body if isinstance(f, ast.AnnAssign)],
        )
        for path in PACKAGE.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list
        if ast.unparse(decorator).startswith("dataclass")
    }


def test_records_of_arrays_compare_by_identity_as_equal_arrays_are_no_truth_value():
    of_arrays = {
        name: decorator
        for name, (decorator, types) in records().items()
        if any(ARRAYS.search(own) and "Callable" not in own for own in types)
    }
    assert len(of_arrays) > 30
    assert [name for name, decorator in of_arrays.items() if "eq=False" not in decorator] == []


ANY_ARRAY = re.compile(r"NDArray\[np\.(float16|float32|float64|bool_|int64|intp)\]")


def test_arrays_of_one_kind_are_called_by_their_names():
    typed = {
        name: len(ANY_ARRAY.findall(path.read_text(encoding="utf-8")))
        for name, path in PATHS.items()
        if name.split(".")[0] != "tables"
    }
    assert {name for name, n in typed.items() if n} == {"arrays"}
    assert typed["arrays"] == 6
