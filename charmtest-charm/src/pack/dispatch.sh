#!/bin/sh
# Made by charmtest when it packed this charm: every hook and action starts here.
# The charm's dependencies were installed for Python @VERSION@.
charm=$(dirname "$(realpath "$0")")
packages="$charm/venv/lib/python@VERSION@/site-packages"

if [ -x "$charm/venv/bin/python" ]; then
    python="$charm/venv/bin/python"
elif [ -x @PYTHON@ ]; then
    python=@PYTHON@
elif command -v python@VERSION@ >/dev/null; then
    python=python@VERSION@
elif [ ! -d "$packages" ]; then
    python=python3
else
    echo "this charm was packed by charmtest for Python @VERSION@, which is not here; pack it with charmcraft" >&2
    exit 127
fi

PYTHONPATH="$charm/lib:$charm/src:$packages"
export PYTHONPATH
exec "$python" "$charm"/@ENTRYPOINT@
