"""The launcher: `python -m search_hooks SCRIPT [ARGS] --viz-worker` runs a script, watched."""

import argparse
import importlib.util
import runpy
import sys
from pathlib import Path

from search_hooks import add_arguments, install
from search_hooks.flag import protect_from_xla_hang, settings_from

VALUED = ("--viz-every", "--viz-keys", "--viz-planes")  # their value may be the next word
OURS = ("--viz-worker=", *(f"{flag}=" for flag in VALUED))
USAGE = 2  # the exit code of a command line that cannot be run


def main(arguments: list[str] | None = None) -> None:
    """Take our flags off the command line and run the script with the rest."""
    parser = argparse.ArgumentParser(
        prog="python -m search_hooks",
        usage="%(prog)s SCRIPT [ARGS] --viz-worker[=ENDPOINT] [--viz-every SECONDS]",
        description="Run a PyAutoFit, PyAutoGalaxy or PyAutoLens script and watch its searches.",
        epilog="Everything else on the command line is the script's own.",
        allow_abbrev=False,
        add_help=False,
    )
    add_arguments(parser)
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in ("-h", "--help"):
        parser.print_help()
        raise SystemExit(0 if given else USAGE)
    options, rest = _parse(parser, given)
    if not rest:
        parser.error("which script? Expected: python -m search_hooks SCRIPT [ARGS] --viz-worker")
    script = Path(rest[0])
    if not script.is_file():
        parser.error(f"there is no script {script}")
    if settings_from(options) is not None:
        _prepare(parser, options)
    _run(script, rest)


def _parse(
    parser: argparse.ArgumentParser, given: list[str]
) -> tuple[argparse.Namespace, list[str]]:
    """Our flags, wherever they stand, and the rest in its order.

    `--viz-worker` takes its endpoint only after `=`, so that it may stand before the script.
    """
    ours: list[str] = []
    rest: list[str] = []
    words = iter(given)
    for word in words:
        if word in VALUED:
            ours += [word, next(words, "")]
        elif word == "--viz-worker" or word.startswith(OURS):
            ours.append(word)
        elif word.startswith("--viz-"):
            parser.error(
                f"{word}: expected --viz-worker[=ENDPOINT], --viz-every SECONDS, --viz-keys FILE "
                "or --viz-planes all"
            )
        else:
            rest.append(word)
    return parser.parse_args(ours), rest


def _prepare(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Before anything of the script runs: guard JAX, then hook PyAutoFit."""
    protect_from_xla_hang()
    if importlib.util.find_spec("autofit") is None:
        parser.error(
            "PyAutoFit is not installed here, so there is no search to watch: "
            "pip install autolens (or autofit), or use search_hooks.LiveFit in a loop of your own"
        )
    from autonerves import jax_wrapper  # noqa: F401  as the host's scripts do, before jax

    install(options)


def _run(script: Path, words: list[str]) -> None:
    """The script as `python SCRIPT ARGS` would run it."""
    sys.argv = words
    sys.path[0] = str(script.resolve().parent)
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
