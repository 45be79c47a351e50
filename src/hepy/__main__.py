"""`python -m hepy` is the command `hepy`."""

from hepy.cli import main

main()
