#!/bin/sh
# Print the first Python >= 3.12 with venv found: $PYTHON, the PATH, then pyenv's versions.
usable() {
    "$1" -c '
import ensurepip, sys, venv
print(sys.executable) if sys.version_info >= (3, 12) else sys.exit(1)' 2>/dev/null
}

if [ -n "${PYTHON:-}" ]; then
    usable "$PYTHON" && exit 0
    echo "PYTHON=$PYTHON is not a Python >= 3.12 with venv; looking for another" >&2
fi

pyenv_versions=${PYENV_ROOT:-$HOME/.pyenv}/versions
# pyenv puts a python3.12 on the PATH that may not run here, so each one is tried
for candidate in python3.12 python3.13 python3 \
        "$pyenv_versions"/3.12*/bin/python "$pyenv_versions"/3.13*/bin/python; do
    usable "$candidate" && exit 0
done

echo "vizworker needs Python 3.12 or newer with its venv module, and none was found." >&2
echo "Install one (for instance python3.12 and python3.12-venv, or 'pyenv install 3.12')," >&2
echo "or name it: make setup PYTHON=/path/to/python3.12" >&2
exit 1
