"""`python -m lianlu`."""

from lianlu.cli.main import main

main()
