"""Run every command of the tutorials as it stands there, and print output and time.

    python experiments/tutorial_run.py [--data FOLDER] [--out tutorial] [--only compare]

Commands are the lines behind `$` in `tutorials.md` and `tutorials_ja.md`; the tables that they read
are written first.

Reads: excavator_mwo, loghub2k, ai4i2020, concrete. Takes: 14 min.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import common
import tutorial_data

PAGES = [Path(__file__).with_name(f"{name}.md") for name in ("tutorials", "tutorials_ja")]
_PROMPT = "$ "


def commands(page: str) -> Iterator[str]:
    """Yield the commands of a page's console blocks, in order, continued lines joined."""
    is_inside, begun = False, ""
    for line in page.splitlines():
        if line.startswith("```"):
            is_inside = line == "```console"
        elif is_inside and (begun or line.startswith(_PROMPT)):
            begun = f"{begun} {line.removeprefix(_PROMPT).strip()}".strip()
            if begun.endswith("\\"):
                begun = begun.removesuffix("\\").strip()
            else:
                yield begun
                begun = ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--out", type=Path, default=Path("tutorial"), help="default: tutorial")
    parser.add_argument("--only", default="", help="commands that hold this word; default: all")
    options = parser.parse_args()
    tutorial_data.write_all(options.data, options.out)
    # The Japanese page is for those who stand in the cloned repository.
    shutil.copytree(tutorial_data.DEMO, options.out / tutorial_data.DEMO.name, dirs_exist_ok=True)
    settings = os.environ | {"COLUMNS": "110"}
    failed = []
    pages = (page.read_text(encoding="utf-8") for page in PAGES)
    for command in (command for page in pages for command in commands(page)):
        if options.only not in command:
            continue
        print(f"{_PROMPT}{command}", flush=True)
        start = time.perf_counter()
        # The shell, because a tutorial's command is what a person types into one.
        ended = subprocess.run(command, shell=True, cwd=options.out, env=settings, check=False)
        print(f"# {time.perf_counter() - start:.0f} s\n", flush=True)
        if ended.returncode:
            failed.append(command)
    if failed:
        sys.exit(f"Got an error from: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
