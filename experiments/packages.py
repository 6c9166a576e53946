"""Descriptions of Debian packages as `apt` lists them, by what the packages are for.

The lists are there once `apt-get update` ran with `Acquire::Languages { "en"; "ja"; … };` in
apt.conf.
"""

import argparse
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from common import Task

Groups = dict[str, list[str]]

_GROUPS = {
    "games": ("games",),
    "science": ("science", "math"),
    "media": ("graphics", "sound", "video"),
    "network": ("net", "web", "mail", "httpd"),
    "administration": ("admin", "utils", "shells"),
    "text": ("text", "editors", "fonts", "tex"),
}
_GROUP_OF = {section: group for group, own in _GROUPS.items() for section in own}
_PARTS_OF_ONE = re.compile(r"-(dbg|dev|doc|data|common)$")  # which describe the same once more
# Characters: of a first paragraph at least, kept of it at most, and of all paragraphs at least.
_SHORT, _KEPT, _LONG = 30, 160, 700


def add_lists_option(parser: argparse.ArgumentParser) -> None:
    """Add what says where apt keeps its lists."""
    parser.add_argument("--lists", type=Path, default=Path("/var/lib/apt/lists"))


def task(name: str, groups: Mapping[str, list[str]], normal: Sequence[str]) -> Task:
    """Return the task of telling all other groups from the normal ones."""
    inside = [text for group in normal for text in groups[group]]
    outside = [tuple(groups[group]) for group in _GROUPS if group not in normal]
    return Task(name, tuple(inside), tuple(outside))


def sections(lists: Path) -> dict[str, str]:
    """Return the section of each package."""
    found = {}
    for paragraph in _list(lists, "main_binary-*_Packages*").split("\n\n"):
        fields = dict(re.findall(r"(?m)^(Package|Section): (.*)$", paragraph))
        if len(fields) == 2:
            found[fields["Package"]] = fields["Section"]
    return found


def descriptions(
    lists: Path, language: str, sections: Mapping[str, str], *, is_long: bool = False
) -> Groups:
    """Return what the packages of each group are said to be, no two with one first paragraph.

    Where `is_long`, the whole of what is long; else the beginning of each.
    """
    entry = re.compile(
        rf"Package: (\S+)\n(?s:.*?)^Description-{language}: (.*)\n((?: .*\n?)*)", re.M
    )
    found: dict[str, list[str]] = defaultdict(list)
    known = set()
    for paragraph in _list(lists, f"main_i18n_Translation-{language}*").split("\n\n"):
        read = entry.match(paragraph)
        group = read and _GROUP_OF.get(sections.get(read[1], ""))
        if not read or not group or _PARTS_OF_ONE.search(read[1]) or "<trans>" in paragraph:
            continue
        first, *others = (" ".join(part.split()) for part in read[3].split("\n .\n"))
        text = " ".join([first, *others]) if is_long else first
        if len(text) >= (_LONG if is_long else _SHORT) and first not in known:
            known.add(first)
            found[group].append(f"{read[2]}. {text if is_long else text[:_KEPT]}")
    return found


def _list(lists: Path, pattern: str) -> str:
    """Return the largest of apt's lists of one kind, however it is compressed."""
    paths = sorted(lists.glob(f"*{pattern}"), key=lambda path: path.stat().st_size)
    if not paths:
        sys.exit(f"Got no list like '{pattern}' in {lists}; expected apt's; run apt-get update.")
    command = ["/usr/lib/apt/apt-helper", "cat-file", str(paths[-1])]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
