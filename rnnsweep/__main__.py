"""The console script and `python -m rnnsweep`. It imports little, so that it answers a Ctrl-C from the start."""

import sys


def main() -> None:
    """Runs the command line. A Ctrl-C ends it in silence, also while modules are imported."""
    try:
        from rnnsweep.cli import main as command

        command()
    except KeyboardInterrupt:  # before the command listens, or after
        sys.exit(130)


if __name__ == "__main__":
    main()
