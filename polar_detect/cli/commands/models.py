"""`polar-detect models`."""

from polar_detect import models
from polar_detect.cli.commands.output import say, show


def list_models() -> None:
    """Print the embedded models."""
    for status in models.available():
        state = str(status.folder) if status.is_cached else "not fetched"
        size = f"{status.size_bytes / 1e6:.0f} MB"
        show(f"{status.name:12} {size:>7}  {status.license:16} {status.title}  [{state}]")
        if status.terms is not None:
            show(f"{'':12} {status.terms}")


def fetch_model(name: str) -> None:
    """Fetch a model and print its folder."""
    say(models.fetch(name).folder)
