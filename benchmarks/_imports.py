"""A fresh process tells what the imports of a watched search add to those of PyAutoLens."""

import gc
import json
import sys
import time
from collections.abc import Iterable


def main() -> None:
    measured = alone() if sys.argv[1:] == ["alone"] else after_autolens()
    print(json.dumps(measured))


def alone() -> dict[str, float]:
    """Without PyAutoLens, whose own imports would hide what we import."""
    import search_hooks.hook
    import search_hooks.publish
    import search_hooks.shared_fit
    import search_hooks.spawn  # noqa: F401

    return {"matplotlib": len(list(of_matplotlib(sys.modules)))}


def after_autolens() -> dict[str, float]:
    """Seconds of both, and how many modules of matplotlib were not there before ours."""
    start = time.perf_counter()
    import autolens  # noqa: F401

    theirs = time.perf_counter() - start
    before = set(sys.modules)
    gc.collect()  # PyAutoLens's objects, which whoever imports next would have to look through
    between = time.perf_counter()
    import search_hooks
    import search_hooks.pyautofit  # noqa: F401

    ours = time.perf_counter() - between
    new = set(sys.modules) - before
    return {"autolens": theirs, "ours": ours, "matplotlib": len(list(of_matplotlib(new)))}


def of_matplotlib(modules: Iterable[str]) -> Iterable[str]:
    return (name for name in modules if name.split(".")[0] in ("matplotlib", "mpl_toolkits"))


if __name__ == "__main__":
    main()
