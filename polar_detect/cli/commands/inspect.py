"""`polar-detect inspect`."""

import json
import re
import sys
from pathlib import Path

from polar_detect.artifact.contents import Contents, read_contents
from polar_detect.cli.commands.output import show, tell
from polar_detect.cli.options import InspectOptions
from polar_detect.cli.streams import can_write

_LEAKS = (
    "Embeddings and states are no texts, but whoever has the models can tell from them much of "
    "what the texts say."
)
# Beyond what JSON has escaped: what steers a terminal, or cannot be seen in one.
_UNSEEN = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def inspect(options: InspectOptions) -> None:
    """Print what a detector is and keeps, or the training texts that it keeps."""
    contents = read_contents(options.detector)
    if options.texts:
        _list_texts(contents, options.detector)
        return
    for label, value in contents.facts:
        show(f"{label}: {value}")
    show("Kept of the training texts:")
    for kept in contents.kept:
        size = f"{kept.n_bytes / 1e6:.2f} MB"
        show(f"{size:>12}  {kept.what}")
    texts = "No texts." if contents.texts is None else "--texts lists the texts."
    show(f"{texts} {_LEAKS}")


def _list_texts(contents: Contents, folder: Path) -> None:
    """Print a JSON string a line: what a text holds reaches no terminal as a control code."""
    for text in contents.texts or ():
        line = _UNSEEN.sub(
            lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False)
        )
        written = line if can_write(sys.stdout, line) else json.dumps(text)
        sys.stdout.write(f"{written}\n")
    if contents.texts is None:
        tell(f"{folder} keeps no texts.")
