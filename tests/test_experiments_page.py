"""experiments/README.md names the scripts, data sets and tasks that there are."""

import ast
import re
from pathlib import Path

import bench_tasks
import pytest

FOLDER = Path(bench_tasks.__file__).parent
PAGES = [
    FOLDER / f"{name}.md" for name in ("README", "HISTORY", "tables", "tutorials", "tutorials_ja")
]
ALL_PAGES = [*PAGES, FOLDER.parent / "README.md", FOLDER.parent / "polar_detect" / "README.md"]
PAGE = PAGES[0].read_text(encoding="utf-8")
TREES = {path.stem: ast.parse(path.read_text()) for path in sorted(FOLDER.glob("*.py"))}
SCRIPTS = [
    name
    for name, tree in TREES.items()
    if any(isinstance(node, ast.If) and "__main__" in ast.unparse(node.test) for node in tree.body)
]
PLAIN = [name for name in bench_tasks.names() if not name.endswith(bench_tasks.MATCHED)]


def table(heading):
    """Return the cells of the first table below a heading, without its first two lines."""
    lines = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0].split("\n")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"
    ]
    return rows[2:]


def anchors(page):
    """Return the names that GitHub gives the headings of a page."""
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def folders_read():
    """Return the first part of each path that a script reads in the data folder."""
    found = set()
    for node in (node for tree in TREES.values() for node in ast.walk(tree)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            inside = ast.unparse(node.right).lstrip("f").strip("'\"").split("/")[0]
            if ast.unparse(node.left) in {"data", "options.data"}:
                found.add(inside)
    return found


@pytest.mark.parametrize("page", ALL_PAGES, ids=str)
def test_every_link_and_picture_leads_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    inside = [link.partition("#") for link in links if not link.startswith("https://")]
    assert inside
    for name, _, anchor in inside:
        target = page.parent / name if name else page
        assert target.is_file(), name
        assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


def test_every_heading_is_in_the_table_of_contents():
    contents = PAGE.split("\n## ")[0]
    listed = set(re.findall(r"\(#([^)]+)\)", contents))
    assert listed == anchors(PAGES[0]) - {"experiments"}


@pytest.mark.parametrize("page", ALL_PAGES, ids=str)
def test_every_script_that_a_page_names_is_there(page):
    named = re.findall(r"experiments/(\w+)\.py", page.read_text(encoding="utf-8"))
    assert set(named) <= {*SCRIPTS, "X"}


def test_every_script_says_on_the_page_what_it_says_of_itself():
    rows = {row[0]: row[2:] for row in table("Scripts")}
    assert set(rows) == {f"`{name}.py`" for name in SCRIPTS}
    for name in SCRIPTS:
        said = " ".join((ast.get_docstring(TREES[name]) or "").split())
        reads, takes = rows[f"`{name}.py`"]
        assert said.endswith(f"Reads: {reads}. Takes: {takes}."), name


def test_every_data_set_that_is_read_is_on_the_page():
    assert {row[0].strip("`") for row in table("Data sets")} == folders_read()
    for name in SCRIPTS:
        said = " ".join((ast.get_docstring(TREES[name]) or "").split())
        reads = re.search(r"Reads: (.*)\. Takes: ", said)[1]
        assert (
            reads in {"no data set", "sources of the tasks"}
            or set(reads.split(", ")) <= folders_read()
        )


def test_every_task_stands_beside_the_data_set_that_it_reads_first(tmp_path):
    tasks = {row[0].strip("`"): row[4].split(", ") for row in table("Data sets")}
    marked = {mark for own in tasks.values() for mark in own} - {"–"}
    assert {mark.strip("*") for mark in marked} == {*PLAIN, *bench_tasks.fresh()}
    bold = {mark for mark in marked if mark.startswith("**")}
    assert bold == {f"**{name}**" for name in bench_tasks.QUICK}
    italic = {mark for mark in marked if mark.startswith("*")} - bold
    assert italic == {f"*{name}*" for name in bench_tasks.fresh()}
    for name in (*PLAIN, *bench_tasks.fresh()):
        with pytest.raises(SystemExit) as missing:
            bench_tasks.load(name, tmp_path, 0)
        path = Path(str(missing.value).split("'")[1]).relative_to(tmp_path)
        assert name in {mark.strip("*") for mark in tasks[path.parts[0]]}
        assert bench_tasks.source(name) == path.parts[0]
