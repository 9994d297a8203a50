#!/usr/bin/env bash
# Installs the official LangGraph SDKs that drive the gateway in its tests: those for JS, pinned with their hashes in
# gateway/tests/sdks/package-lock.json, and the one for Python into .tools/langgraph-sdk. Ends with 3, and says why, where they cannot be had: no
# node, no Python, no registry. What is there already is kept, so a second run only looks.
set -euo pipefail
cd "$(dirname "$0")/.."

cannot=3

give_up() {
    echo "langgraph-sdks: $*" >&2
    exit $cannot
}

scripts/python-packages.sh langgraph-sdk gateway/tests/sdks/requirements.txt
cd gateway/tests/sdks

have_them() { cmp -s package-lock.json node_modules/.installed; }

node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' 2>/dev/null || give_up "there is no node 20 or newer"
if have_them; then exit 0; fi
if command -v flock >/dev/null; then exec 9>.lock && flock 9; fi
if have_them; then exit 0; fi
timeout 300 npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || give_up "the packages could not be installed"
cp package-lock.json node_modules/.installed
