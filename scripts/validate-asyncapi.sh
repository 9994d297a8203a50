#!/bin/sh
# Validates events/schema/asyncapi.json with the official parser (@asyncapi/parser, pinned by its lock file), installing it first
# where it is not there. Needs node 18 or newer and npm; says so plainly and succeeds where they are missing.
set -eu
folder=$(cd "$(dirname "$0")/../events/schema/validate" && pwd)
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "skipped: node and npm are not installed (Debian and Ubuntu: apt-get install nodejs npm)"
    exit 0
fi
if [ ! -d "$folder/node_modules/@asyncapi/parser" ]; then
    if ! (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); then
        echo "skipped: @asyncapi/parser could not be installed (is the npm registry reachable?)"
        exit 0
    fi
fi
exec node "$folder/validate.mjs" "$folder/../asyncapi.json"
