#!/usr/bin/env bash
# A real Odoo and a real PostgreSQL, in a chroot that is kept between runs.
#
#   scripts/odoo_lab/lab.sh build              make what is not there yet (three minutes from nothing)
#   scripts/odoo_lab/lab.sh up | down          start and stop PostgreSQL
#   scripts/odoo_lab/lab.sh fresh NAME         a new database in which only Odoo's base is installed
#   scripts/odoo_lab/lab.sh odoo COMMAND ...   Odoo's command line: server -d NAME ..., shell -d NAME
#   scripts/odoo_lab/lab.sh sql ARGUMENTS      psql: -d NAME -c "select 1"
#
# It is Debian's stable release with one package of its development release, Odoo. All of
# that release does not work: Odoo 19 breaks on a Python as new as the one there.
#
# Environment: ODOO_LAB, the folder of the lab (.odoo-lab in the repository); ODOO_PACKAGE;
# DEBIAN_MIRROR and DEBIAN_RELEASE.
#
# Exit status: 3 if the mirror does not have Odoo, or no Odoo that fits the release; 4 if
# this machine cannot have a lab (it takes root, and namespaces of mounts). Anything else that
# is not 0 is a fault.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "$0")")/../.." && pwd)
lab=${ODOO_LAB:-$root/.odoo-lab}
package=${ODOO_PACKAGE:-odoo-19}
release=${DEBIAN_RELEASE:-trixie}
chroot=$lab/chroot
# No TCP, and another name for the socket than that of any PostgreSQL around.
port=54319

loudly() {
  local status=$1; shift
  printf '\n%s\n' "$(printf '!%.0s' {1..78})" >&2
  printf '!! %s\n' "$@" >&2
  printf '%s\n\n' "$(printf '!%.0s' {1..78})" >&2
  exit "$status"
}

# Runs a command whose output only matters if it fails.
logged() {
  local log=$lab/logs/$1.log; shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    loudly 1 "This failed: $*" "All it said is in $log"
  fi
}

# Nothing is mounted outside the namespace, so that the lab can be deleted like any folder.
inside() {
  exec unshare --mount --propagation private bash -euc '
    chroot=$1; shift
    mount -t proc proc "$chroot/proc"
    mount --rbind /sys "$chroot/sys" 2>/dev/null || true
    mount --rbind /dev "$chroot/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$chroot/dev/shm"
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 LC_ALL=C.UTF-8 \
      DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1 chroot "$chroot" "$@"
  ' inside "$chroot" "$@"
}

as_postgres() { (inside runuser -u postgres -- bash -c 'cd / && exec "$@"' bash "$@"); }

postgres_bin() { find "$chroot/usr/lib/postgresql" -maxdepth 2 -name bin | sort -V | tail -n 1 | sed "s#^$chroot##"; }

mirror() {
  apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null |
    grep -E '/debian/?$' | sort -u | head -n 1
}

bootstrap() {
  [ ! -e "$chroot/.bootstrapped" ] || return 0
  local site=${DEBIAN_MIRROR:-$(mirror)}
  site=${site:-http://deb.debian.org/debian}
  if ! command -v debootstrap >/dev/null; then
    logged debootstrap-itself bash -c 'apt-get update && apt-get install -y --no-install-recommends debootstrap'
  fi
  echo "Odoo lab: $release from $site" >&2
  rm -rf "$chroot"
  logged debootstrap debootstrap --variant=minbase --include=ca-certificates "$release" "$chroot" "$site"

  cp -L /etc/resolv.conf "$chroot/etc/resolv.conf"
  cp /etc/ssl/certs/ca-certificates.crt "$chroot/etc/ssl/certs/ca-certificates.crt"
  # Proxies and the like of this machine; files of other numbers may be about its disk.
  find /etc/apt/apt.conf.d -name '9*' -exec cp {} "$chroot/etc/apt/apt.conf.d/" \;
  cat >"$chroot/etc/apt/apt.conf.d/99lab" <<'CONF'
APT::Install-Recommends "false";
Acquire::Languages "none";
DPkg::Use-Pty "0";
CONF
  cat >"$chroot/etc/apt/preferences.d/lab" <<CONF
Package: *
Pin: release n=sid
Pin-Priority: -1

Package: $package
Pin: release n=sid
Pin-Priority: 990
CONF
  echo "deb $site sid main" >"$chroot/etc/apt/sources.list.d/sid.list"
  printf 'force-unsafe-io\npath-exclude=%s\npath-exclude=%s\n' \
    '/usr/share/man/*' '/usr/share/doc/*' >"$chroot/etc/dpkg/dpkg.cfg.d/lab"
  # The packages bring services along that nobody here wants to have started.
  printf '#!/bin/sh\nexit 101\n' >"$chroot/usr/sbin/policy-rc.d"
  chmod 755 "$chroot/usr/sbin/policy-rc.d"
  touch "$chroot/.bootstrapped"
}

packages() {
  [ ! -e "$chroot/.packages" ] || return 0
  logged apt-update "$0" inside apt-get update
  # Not through a pipe: grep ends at the first match, and what apt-cache still writes then would
  # count as a failure of the whole.
  local policy
  policy=$("$0" inside apt-cache policy "$package")
  if ! grep -q 'Candidate: [^(]' <<<"$policy"; then
    loudly 3 "The Debian mirror does not have the package $package (any more)." \
      "The add-on cannot be tested in a real Odoo here." \
      "Set ODOO_PACKAGE to the package that has taken its place."
  fi
  # Without the older names of time zones, Python's pytz keeps Odoo from starting.
  local wanted=("$package" postgresql tzdata-legacy)
  if ! "$0" inside apt-get install --simulate "${wanted[@]}" >"$lab/logs/apt-simulate.log" 2>&1; then
    tail -n 30 "$lab/logs/apt-simulate.log" >&2
    loudly 3 "The package $package of the Debian mirror does not fit $release (any more)." \
      "The add-on cannot be tested in a real Odoo here." \
      "Set DEBIAN_RELEASE to a release that has what it needs."
  fi
  logged apt-install "$0" inside apt-get install -y "${wanted[@]}"
  "$0" inside apt-get clean
  touch "$chroot/.packages"
}

cluster() {
  if [ ! -e "$chroot/var/lib/postgresql/lab/PG_VERSION" ]; then
    logged initdb as_postgres "$(postgres_bin)/initdb" -D /var/lib/postgresql/lab \
      --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=reject
  fi
  # What is in here may be lost at any time.
  cat >"$chroot/var/lib/postgresql/lab/postgresql.auto.conf" <<CONF
listen_addresses = ''
port = $port
unix_socket_directories = '/run/postgresql'
fsync = off
synchronous_commit = off
full_page_writes = off
CONF
  mkdir -p "$chroot/etc/odoo" "$chroot/mnt/addons"
  cat >"$chroot/etc/odoo/lab.conf" <<CONF
[options]
db_port = $port
db_user = odoo
addons_path = /usr/lib/python3/dist-packages/odoo/addons,/mnt/addons
data_dir = /var/lib/odoo
http_interface = 127.0.0.1
list_db = False
CONF
  up
  as_postgres psql -p "$port" -d postgres -Atqc "
    DO \$\$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'odoo') THEN
        CREATE ROLE odoo LOGIN CREATEDB;
      END IF;
    END \$\$"
}

template() {
  # A build that was interrupted leaves a database that is only half made.
  [ ! -e "$chroot/.template" ] || return 0
  sql -d postgres -qc 'DROP DATABASE IF EXISTS only_base'
  logged template "$0" odoo server -d only_base -i base --no-http --stop-after-init
  touch "$chroot/.template"
}

build() {
  [ "$(id -u)" -eq 0 ] || loudly 4 "The Odoo lab takes root: it is a chroot."
  unshare --mount --propagation private true 2>/dev/null ||
    loudly 4 "The Odoo lab takes namespaces of mounts, which this machine does not grant."
  mkdir -p "$lab/logs"
  chmod 755 "$lab"
  bootstrap
  packages
  cluster
  template
}

running() {
  local file=$chroot/var/lib/postgresql/lab/postmaster.pid pid
  [ -s "$file" ] && pid=$(head -n 1 "$file") && grep -qs postgres "/proc/$pid/comm"
}

up() {
  ! running || return 0
  "$0" inside install -d -o postgres -g postgres -m 2775 /run/postgresql
  logged postgres-start as_postgres "$(postgres_bin)/pg_ctl" -s -w -D /var/lib/postgresql/lab \
    -l /var/lib/postgresql/lab.log start
}

down() {
  ! running || logged postgres-stop as_postgres "$(postgres_bin)/pg_ctl" -s -w -m fast \
    -D /var/lib/postgresql/lab stop
}

sql() { (inside runuser -u odoo -- psql -p "$port" "$@"); }

fresh() {
  sql -d postgres -qc "DROP DATABASE IF EXISTS \"$1\"" 2>/dev/null
  sql -d postgres -qc "CREATE DATABASE \"$1\" TEMPLATE only_base"
}

# Copied, because the user odoo may not be allowed to look into the repository.
copy_addons() {
  rm -rf "$chroot/mnt/addons"
  cp -r "$root/odoo_addons" "$chroot/mnt/addons"
  chmod -R a+rX "$chroot/mnt/addons"
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
  build | up | down) "$command" ;;
  fresh) copy_addons; fresh "$@" ;;
  sql) sql "$@" ;;
  odoo)
    subcommand=$1; shift
    inside setpriv --reuid odoo --regid odoo --init-groups \
      env HOME=/var/lib/odoo odoo "$subcommand" -c /etc/odoo/lab.conf "$@"
    ;;
  inside) inside "$@" ;;
  *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
esac
