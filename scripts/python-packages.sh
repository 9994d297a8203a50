#!/usr/bin/env bash
# Installs pinned Python packages into a virtual environment below .tools/:
#   scripts/python-packages.sh NAME REQUIREMENTS
# Every package is pinned with its hashes in REQUIREMENTS. Ends with 3, and says why, where they cannot be had: no suitable Python, or no
# package index. What is there already is kept, so a second run only looks.
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1
requirements=$2
folder=.tools/$name
cannot=3

give_up() {
    echo "$name: $*" >&2
    exit $cannot
}

have_them() { [ -x "$folder/bin/python" ] && cmp -s "$requirements" "$folder/requirements.txt"; }

if have_them; then exit 0; fi
mkdir -p .tools
if command -v flock >/dev/null; then exec 9>".tools/$name.lock" && flock 9; fi
if have_them; then exit 0; fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || give_up "there is no Python 3.11 or newer"
rm -rf "$folder"
python3 -m venv "$folder" 2>/dev/null || give_up "this Python makes no virtual environments (Debian, Ubuntu: apt-get install python3-venv)"
timeout 300 "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    --requirement "$requirements" >&2 || give_up "the packages could not be installed"
cp "$requirements" "$folder/requirements.txt"
