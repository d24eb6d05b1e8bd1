"""`python -m vizworker` is `vizworker`."""

from vizworker.cli import main

if __name__ == "__main__":
    main()
