"""``polar-detect``, and ``python -m polar_detect`` where that script is not on the path."""

from polar_detect.stopping import heed_signals


def main() -> None:
    """Run the command line as a process of its own, which signals stop from its first import on."""
    heed_signals()
    from polar_detect.cli import main as run

    run()


if __name__ == "__main__":
    main()
