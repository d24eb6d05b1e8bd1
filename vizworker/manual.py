"""`docs/settings.md`, written from the settings.

`python -m vizworker.manual > docs/settings.md` writes it.
"""

from vizworker.settings import SETTINGS, Setting

HEAD = """# Settings of a worker

Each setting is a flag of `vizworker serve`, a variable of the environment and a key of a TOML file.
The flag is taken before the variable, the variable before the file. The file is `--config FILE`,
else `VIZWORKER_CONFIG`, else `vizworker/worker.toml` in the user's folder of configurations. A key
of the file that is no setting, and a value that cannot be used, are named, and nothing is served.

`kill -HUP PID` (or `systemctl --user reload vizworker`) has a worker read all three again. It takes
up the settings marked "Reloads" and logs those that need a restart. A file that cannot be read
changes nothing.

A worker that a search starts for itself (`--viz-worker` alone) reads `VIZWORKER_DATA` and
nothing else of this.

```toml
# worker.toml
bind = "tcp://0.0.0.0:5555"
keys = "~/vizworker-keys"
http = "127.0.0.1:8080"

[limits]
runs = 64
waiting = "512M"
```

Sizes are bytes, or have a unit of 1024: `4K`, `256M`, `1G`. Lists have commas between their words;
in a file they may be lists.
"""

LIMITS = """
## Limits

What is more than a limit is refused: the answer names the limit and its setting, the worker logs it
once, and `vizworker status` and `/metrics` count it. The search goes on.
"""

COLUMNS = "\n| in a file | flag | variable | default | meaning |\n|---|---|---|---|---|\n"


def page() -> str:
    """The whole page."""
    own = "".join(_row(each) for each in SETTINGS if "." not in each.name)
    limits = "".join(_row(each) for each in SETTINGS if "." in each.name)
    return HEAD + COLUMNS + own + LIMITS + COLUMNS + limits


def _row(setting: Setting) -> str:
    default = f"`{setting.default}`" if _is_value(setting) else setting.default
    reloads = " Reloads." if setting.reloads else ""
    return (
        f"| `{setting.name}` | `{setting.flag}` | `{setting.variable}` | {default} "
        f"| {setting.says}{reloads} |\n"
    )


def _is_value(setting: Setting) -> bool:
    return bool(setting.default) and " " not in setting.default


if __name__ == "__main__":
    print(page(), end="")
