#!/usr/bin/env bash
# Builds and runs all tests with one PostgreSQL server at hand that they share; arguments go to the test runner.
# cargo-nextest is used where it is installed, `cargo test` otherwise. The documentation's examples run first.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install.sh
if cargo nextest --version >/dev/null 2>&1; then
    runner=(cargo nextest run --workspace)
else
    runner=(cargo test --workspace --lib --bins --tests --no-fail-fast)
fi
"${runner[@]}" --no-run
cargo test --workspace --doc --quiet

output=.presdr/test/output
mkdir -p "${output%/*}"
status=0
"${CARGO_TARGET_DIR:-target}/debug/servers" --dir .presdr/test -- "${runner[@]}" "$@" 2>&1 | tee "$output" || status=$?
# `cargo test` closes with the last of many programs, nextest with all.
if [ "${runner[1]}" = test ]; then
    awk '/^test result:/ { passed += $4; failed += $6 } END { print passed + 0 " passed, " failed + 0 " failed" }' "$output"
fi
exit $status
