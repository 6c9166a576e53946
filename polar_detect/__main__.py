"""``python -m polar_detect``: the command line, also where its script is not on the path."""

from polar_detect.cli import main

if __name__ == "__main__":
    main()
