#!/usr/bin/env bash
# A real Odoo 19 for tests: two tenants, each with a server and a database of its own on this machine, and the accounts that tests need.
#
#   scripts/odoo.sh up      make and start what is missing; prints one JSON object (keys in it: it is for a test, not for a log)
#   scripts/odoo.sh down    stop what runs; everything is kept, so that the next `up` takes seconds
#   scripts/odoo.sh purge   stop, and remove all of it (about 2 GB)
#
# The object: { "tenants": [{ "url", "db", "admin", "service", "limited" }, ...] }, each account { "uid", "login", "password", "api_key" }: `admin` may
# everything, `service` what presdr needs, `limited` nothing but to sign in.
#
# With ODOO_URL in the environment nothing is started: ODOO_KEYS then names a file with such an object (the accounts of databases that may be
# written to; `url` may be left out), and `up` looks whether its keys work.
#
# Ends with 3, and says why in one line, where it cannot be had. From nothing it takes five to ten minutes, as root on Debian or Ubuntu alone: Odoo
# comes from Debian's packages into a tree of its own, auth_oidc and what it needs from PyPI against the hashes in scripts/odoo/requirements.txt.
# PRESDR_ODOO_HOME says where [default: /var/tmp/presdr-odoo].
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022 # other users run what is made here

home=${PRESDR_ODOO_HOME:-/var/tmp/presdr-odoo}
tree=$home/tree state=$home/state cluster=$home/postgres
databases=(tenant_a tenant_b)
modules=contacts,crm,auth_oidc
begun=$SECONDS

say() { echo "odoo: $* ($((SECONDS - begun)) s)" >&2; }

cannot() {
    echo "odoo: $*" >&2
    exit 3
}

# Runs a command whose output matters only when it fails.
quietly() {
    local log=$state/$1.log
    shift
    if "$@" >"$log" 2>&1 9>&-; then return; fi
    tail -n 20 "$log" >&2
    cannot "\`$1\` failed: $log"
}

main() {
    case ${1:-} in
        up) up ;;
        down) down ;;
        purge) down && purge ;;
        *) sed -n '2,16s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
    esac
}

up() {
    if [ -n "${ODOO_URL:-}" ]; then
        python3 scripts/odoo/given.py "$ODOO_URL" "${ODOO_KEYS:-}" || exit 3
        return
    fi
    can_be_had
    mkdir -p "$state" && chmod 700 "$state" && chmod 711 "$home"
    exec 9>"$state/lock" && flock 9
    have_tree || make_tree
    have_modules || make_modules
    start_postgres
    make_databases
    our_addons
    for number in "${!databases[@]}"; do start "$number"; done
    for number in "${!databases[@]}"; do await "$number"; done
    python3 scripts/odoo/told.py "$state" "${databases[@]}"
    say "ready"
}

can_be_had() {
    [ "$(uname -m)" = x86_64 ] || [ "$(uname -m)" = aarch64 ] || cannot "Debian has no such packages for $(uname -m)"
    [ "$(id -u)" = 0 ] || cannot "a tree of packages can be made by root alone; or give ODOO_URL and ODOO_KEYS"
    command -v apt-get >/dev/null || cannot "its packages are Debian's, and there is no apt-get; or give ODOO_URL and ODOO_KEYS"
    python3 -m pip --version >/dev/null 2>&1 || cannot "there is no python3 with pip"
    postgres=$(for at in .tools/postgresql/usr/lib/postgresql/*/bin /usr/lib/postgresql/*/bin; do [ -x "$at/initdb" ] && echo "$at"; done | sort -V | tail -n 1)
    [ -n "$postgres" ] || cannot "there is no PostgreSQL server: scripts/install.sh"
    if ! id postgres >/dev/null 2>&1; then cannot "there is no user postgres to run PostgreSQL as"; fi
}

# --- the tree: Debian 13, since its Python is one that Odoo 19 knows, and Odoo alone from the development branch --------------------------

have_tree() { [ -e "$tree/.whole" ]; }

make_tree() {
    local mirror
    command -v debootstrap >/dev/null || { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends debootstrap; } >&2 9>&- ||
        cannot "debootstrap cannot be installed"
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m 1 -E '/debian/?$' || echo http://deb.debian.org/debian)
    say "unpacking Debian 13 from $mirror"
    rm -rf --one-file-system "$tree"
    # tzdata-legacy: a name of a zone that is missing there stops Odoo.
    quietly debootstrap unshare --mount debootstrap --variant=minbase --include=ca-certificates,tzdata,tzdata-legacy trixie "$tree" "$mirror"
    # A mirror's copy of the development branch may be older than it says it is good for.
    echo "deb [check-valid-until=no] $mirror sid main" >"$tree/etc/apt/sources.list.d/sid.list"
    printf 'Package: *\nPin: release n=sid\nPin-Priority: 50\n\nPackage: odoo-19\nPin: release n=sid\nPin-Priority: 990\n' >"$tree/etc/apt/preferences.d/odoo"
    # Nothing is started, nothing is translated, nothing is documented.
    printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d" && chmod 755 "$tree/usr/sbin/policy-rc.d"
    printf '%s\n' force-unsafe-io 'path-exclude=/usr/lib/python3/dist-packages/odoo/addons/*/i18n/*' 'path-exclude=/usr/share/doc/*' \
        'path-exclude=/usr/share/man/*' 'path-exclude=/usr/share/locale/*' >"$tree/etc/dpkg/dpkg.cfg.d/tests"
    say "installing Odoo"
    quietly update inside root apt-get update
    quietly install inside root apt-get install -y --no-install-recommends odoo-19
    inside root apt-get clean
    mkdir -p "$tree"/srv/{addons,data,python}
    touch "$tree/.whole"
}

# Runs a command in the tree, as `root` or `odoo`. Its /proc is its own: nothing stays mounted.
inside() {
    local as=$1
    shift
    unshare --mount sh -c 'mount -t proc proc "$1/proc" && shift 1 && exec "$@"' sh "$tree" \
        chroot --userspec="$as:$as" "$tree" env HOME=/srv LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PYTHONPATH=/srv/python "$@" 9>&-
}

# --- modules: auth_oidc, and the ones of this repository -----------------------------------------------------------------------------

have_modules() { cmp -s scripts/odoo/requirements.txt "$tree/srv/requirements.txt"; }

make_modules() {
    say "fetching auth_oidc"
    rm -rf "$state/wheels" "$tree"/srv/python/* "$tree/srv/addons/auth_oidc"
    # Without dependencies: one of auth_oidc's is Odoo itself, which is not on PyPI.
    quietly wheels python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        --requirement scripts/odoo/requirements.txt --dest "$state/wheels"
    for wheel in "$state"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$tree/srv/python"; done
    mv "$tree/srv/python/odoo/addons/auth_oidc" "$tree/srv/addons/" && rm -r "$tree/srv/python/odoo"
    cp scripts/odoo/requirements.txt "$tree/srv/requirements.txt"
}

# Installs each folder of odoo/addons, or brings it up to date where it has changed.
our_addons() {
    local addon name database known
    for addon in odoo/addons/*/; do
        [ -d "$addon" ] || continue
        name=$(basename "$addon")
        known=$(cd "$addon" && find . -type f ! -name '*.pyc' -exec sha256sum {} + | sort | sha256sum)
        [ "$known" = "$(cat "$state/addon-$name" 2>/dev/null)" ] && continue
        say "installing $name"
        stop_servers
        rm -rf "$tree/srv/addons/$name" && cp -r "$addon" "$tree/srv/addons/$name" && chmod -R a+rX "$tree/srv/addons/$name"
        for database in "${databases[@]}"; do
            odoo_once "$database" -i "$name" -u "$name"
            # What it cannot install it passes over, and ends well.
            [ "$(sql "$database" "select state from ir_module_module where name = '$name'")" = installed ] ||
                cannot "$name could not be installed in $database: $state/odoo-$database.log"
        done
        echo "$known" >"$state/addon-$name"
    done
}

# --- PostgreSQL: on a socket in the tree, where nobody else finds it -----------------------------------------------------------------

as_postgres() { (cd / && exec runuser -u postgres -- "$@" 9>&-); }

start_postgres() {
    install -d -o postgres -g postgres "$tree/run/postgresql"
    if [ ! -e "$cluster/PG_VERSION" ]; then
        install -d -o postgres -g postgres -m 700 "$cluster"
        quietly initdb as_postgres "$postgres/initdb" -D "$cluster" -A trust -E UTF8 --locale=C.UTF-8
        printf '%s\n' "listen_addresses=''" "unix_socket_directories='$tree/run/postgresql'" fsync=off synchronous_commit=off full_page_writes=off \
            >>"$cluster/postgresql.conf"
    fi
    as_postgres "$postgres/pg_ctl" -D "$cluster" status >/dev/null ||
        as_postgres "$postgres/pg_ctl" -D "$cluster" -l "$cluster/log" -w start >/dev/null || cannot "PostgreSQL does not start: $cluster/log"
    [ "$(sql postgres "select count(*) from pg_roles where rolname = 'odoo'")" = 1 ] || sql postgres "create role odoo login createdb" >/dev/null
}

sql() { as_postgres "$postgres/psql" -h "$tree/run/postgresql" -d "$1" -qAtX -c "$2"; }

# --- databases: the first is made, the others are copies of it, which is quicker -----------------------------------------------------

make_databases() {
    local database first=${databases[0]}
    configure
    for database in "${databases[@]}"; do
        if [ ! -e "$state/made-$database" ]; then
            sql postgres "drop database if exists \"$database\" with (force)" 2>/dev/null
            if [ "$database" = "$first" ]; then
                say "making $database"
                odoo_once "$database" -i "$modules"
            else
                say "copying $first to $database"
                quietly "copy-$database" inside odoo odoo db -c "/srv/$first.conf" duplicate "$first" "$database"
            fi
            rm -f "$state/$database.json" && touch "$state/made-$database"
        fi
        [ -s "$state/$database.json" ] || accounts "$database"
    done
}

configure() {
    local number
    for number in "${!databases[@]}"; do
        printf '%s\n' '[options]' 'admin_passwd = tests' 'db_host = /run/postgresql' 'db_user = odoo' "db_name = ${databases[$number]}" \
            'list_db = False' "data_dir = /srv/data/${databases[$number]}" 'http_interface = 127.0.0.1' 'workers = 0' 'max_cron_threads = 0' \
            'with_demo = False' 'addons_path = /usr/lib/python3/dist-packages/odoo/addons,/srv/addons' >"$tree/srv/${databases[$number]}.conf"
        mkdir -p "$tree/srv/data/${databases[$number]}"
    done
    inside root chown -R odoo:odoo /srv/data
}

odoo_once() {
    local database=$1
    shift
    quietly "odoo-$database" inside odoo odoo -c "/srv/$database.conf" -d "$database" --stop-after-init --no-http "$@"
}

accounts() {
    say "making the accounts of $1"
    (umask 077 && inside odoo odoo shell -c "/srv/$1.conf" -d "$1" --no-http --log-level=error <scripts/odoo/accounts.py 2>"$state/accounts-$1.log" |
        sed -n 's/^ACCOUNTS //p' >"$state/$1.json")
    [ -s "$state/$1.json" ] || cannot "the accounts of $1 were not made: $state/accounts-$1.log"
}

# --- servers ---------------------------------------------------------------------------------------------------------------------------

pid_of() {
    local pid
    pid=$(cat "$state/pid-$1" 2>/dev/null) || return 1
    tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -- "-c /srv/$1.conf" && echo "$pid"
}

start() {
    local database=${databases[$1]} port
    if pid_of "$database" >/dev/null; then return; fi
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    echo "http://127.0.0.1:$port" >"$state/url-$database"
    say "starting $database on port $port"
    setsid unshare --mount sh -c 'mount -t proc proc "$1/proc" && exec chroot --userspec=odoo:odoo "$1" \
            env HOME=/srv LC_ALL=C.UTF-8 PYTHONPATH=/srv/python odoo -c "/srv/$2.conf" --http-port="$3"' sh "$tree" "$database" "$port" \
        >>"$state/server-$database.log" 2>&1 </dev/null 9>&- &
    echo $! >"$state/pid-$database"
}

await() {
    local database=${databases[$1]} tries
    for tries in $(seq 240); do
        # The first question loads the registry.
        if python3 scripts/odoo/key.py "$(cat "$state/url-$database")" "$state/$database.json" 2>"$state/await.log"; then return; fi
        sleep 0.5
    done
    cat "$state/await.log" >&2
    cannot "$database does not answer after $tries tries: $state/server-$database.log"
}

stop_servers() {
    local database pid
    for database in "${databases[@]}"; do
        pid=$(pid_of "$database") || continue
        kill "$pid"
        for _ in $(seq 80); do [ -d "/proc/$pid" ] && sleep 0.25 || break; done
        [ ! -d "/proc/$pid" ] || kill -9 "$pid"
        rm -f "$state/pid-$database"
    done
}

down() {
    [ -z "${ODOO_URL:-}" ] && [ -d "$state" ] || return 0
    stop_servers
    [ -e "$cluster/postmaster.pid" ] || return 0
    can_be_had
    as_postgres "$postgres/pg_ctl" -D "$cluster" -m fast -w stop >/dev/null
}

purge() { rm -rf --one-file-system "$home"; }

main "$@"
