#!/bin/sh
# Install lianlu into $VENV: `install.sh '.[all]'` the package (editable), `install.sh --group test` a dependency group,
# `install.sh -r FILE` what a file asks for.
# uv when it can be had (it is ten times faster), else pip. Both honour PIP_FIND_LINKS.
set -eu
venv=${VENV:-.venv}
python=${PYTHON:-python3}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "lianlu needs Python 3.11 or newer" >&2; exit 2; }

if [ "$1" = --group ] || [ "$1" = -r ]; then
    set -- "$1" "$2"
else
    set -- -e "$1"
fi

uv=$(command -v uv || true)
if [ -z "$uv" ] && { [ -x "$venv/bin/uv" ] || "$venv/bin/python" -m pip install -q uv 2>/dev/null; }; then
    uv=$venv/bin/uv
fi
# uv has names of its own for what pip users have set
: "${UV_DEFAULT_INDEX:=${PIP_INDEX_URL:-}}" "${UV_INDEX:=${PIP_EXTRA_INDEX_URL:-}}"
[ -z "$UV_DEFAULT_INDEX" ] || export UV_DEFAULT_INDEX
[ -z "$UV_INDEX" ] || export UV_INDEX
if [ -n "$uv" ] && UV_FIND_LINKS=${PIP_FIND_LINKS:-} "$uv" pip install --python "$venv/bin/python" -q -c constraints.txt "$@"; then
    exit 0
fi
echo "uv could not install; using pip" >&2
"$venv/bin/python" -m pip install -q --upgrade 'pip>=25.1'
exec "$venv/bin/python" -m pip install -q -c constraints.txt "$@"
