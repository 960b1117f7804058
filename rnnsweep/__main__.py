import sys

try:
    from rnnsweep.cli import main
except KeyboardInterrupt:  # before there is a command to interrupt
    sys.exit(130)

main()
