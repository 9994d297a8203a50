#!/usr/bin/env bash
# Builds and runs all tests with one PostgreSQL server at hand that they share; arguments go to the test runner.
# cargo-nextest is used where it is installed, `cargo test` otherwise. The documentation's examples run first.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/install.sh
if cargo nextest --version >/dev/null 2>&1; then
    runner=(cargo nextest run --workspace)
else
    runner=(cargo test --workspace --lib --bins --tests)
fi
"${runner[@]}" --no-run
cargo test --workspace --doc --quiet
"${CARGO_TARGET_DIR:-target}/debug/servers" --dir .presdr/test -- "${runner[@]}" "$@"
