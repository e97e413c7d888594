#!/usr/bin/env bash
# scripts/setup.sh demo|test|check|faults|bench|docs
#
# Brings a clean clone to the point where that make target can run, and does nothing when it is there already: the
# system's packages (Debian and Ubuntu; installed when we may, named in one line when we may not), .venv with the
# locked requirements, this project as an editable install, and for `test` the Node.js packages of tests/clients/node
# and Debian's SimpleSAMLphp in build/.
# Delete .venv to begin again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mode=${1:-}
case $mode in
  demo) requirements=requirements/server.txt ;;
  test | check | faults | bench | docs) requirements=requirements/dev.txt ;;
  *)
    echo "usage: scripts/setup.sh demo|test|check|faults|bench|docs" >&2
    exit 2
    ;;
esac

say() { echo "setup: $*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# What the environment was made from: the checkout's path (scripts in .venv hold it), the locks, and this script.
stamp_of() { echo "$PWD $1 $(cat "$1" pyproject.toml scripts/setup.sh | sha256sum)"; }

python_ready() {
  [[ -x .venv/bin/python && -f .venv/.setup-stamp ]] || return 1
  # A plain "pip install ." puts a copy here, which would hide the checkout.
  compgen -G '.venv/lib/python3.*/site-packages/workgate/__init__.py' >/dev/null && return 1
  local stamp
  stamp=$(<.venv/.setup-stamp)
  [[ $stamp == "$(stamp_of "$requirements")" || $stamp == "$(stamp_of requirements/dev.txt)" ]]
}

find_python() {
  local candidate
  for candidate in python3 python3.11 python3.12 python3.13 python3.14; do
    if have "$candidate" && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  if have python3; then
    say "Python 3.11 or newer is needed; python3 here is $(python3 --version 2>&1)"
  else
    say "Python 3.11 or newer is needed; there is no python3 on the PATH"
  fi
  return 1
}

# Installs Debian packages, or names the command that does. Returns 1 when they are still missing.
install_packages() {
  local command="apt-get install -y --no-install-recommends $*" may=()
  if ! have apt-get; then
    say "missing: $*; install what your system calls them"
    return 1
  fi
  if [[ $(id -u) != 0 ]]; then
    if ! have sudo || ! sudo -n true 2>/dev/null; then
      say "missing: $*; run: sudo apt-get update && sudo $command"
      return 1
    fi
    may=(sudo -n)
  fi
  say "installing with apt-get: $*"
  local log
  log=$(mktemp)
  may+=(env DEBIAN_FRONTEND=noninteractive)
  # shellcheck disable=SC2086 # $command is split into words on purpose
  if "${may[@]}" apt-get update -qq >"$log" 2>&1 && "${may[@]}" $command -qq >>"$log" 2>&1; then
    rm -f "$log"
    return 0
  fi
  tail -n 3 "$log" >&2
  say "apt-get failed (all of it: $log); run: apt-get update && $command"
  return 1
}

# Without venv and ensurepip nothing can be made; Debian keeps them in a package of their own.
venv_package() {
  python_ready || "$python" -c 'import ensurepip, venv' 2>/dev/null && return
  if [[ $python == /usr/bin/python3 ]]; then
    echo python3-venv
  else
    "$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])'
  fi
}

test_packages() {
  have chromium || echo chromium
  compgen -G '/usr/share/fonts/truetype/liberation*' >/dev/null || ! have apt-get || echo fonts-liberation
  have node || echo nodejs
  have npm || echo npm
  have curl || echo curl
  have xmlsec1 || echo xmlsec1
  have php || echo php-cli
  have php && php -r 'exit((int) !(extension_loaded("dom") && extension_loaded("mbstring")));' || echo php-xml php-mbstring
}

fault_packages() {
  have postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || echo postgresql
  [[ -x /usr/sbin/pgbouncer ]] || have pgbouncer || echo pgbouncer
  [[ -x /usr/sbin/haproxy ]] || have haproxy || echo haproxy
  have ip || echo iproute2
  have faketime || echo faketime
}

# What the benchmark compares with; a compiler for the SQLite binding of Node.js. Go and Maven, for the two peers that
# need them, are used where they are and not installed for it.
bench_packages() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || ! have apt-get || echo postgresql
  have glewlwyd || ! have apt-get || echo glewlwyd
  have node || echo nodejs
  have npm || echo npm
  have curl || echo curl
  have g++ || echo g++
  have make || echo make
}

system_packages() {
  local missing
  missing=$(venv_package)
  [[ $mode != test ]] || missing+=" $(test_packages | tr '\n' ' ')"
  [[ $mode != test && $mode != faults ]] || missing+=" $(fault_packages | tr '\n' ' ')"
  [[ $mode != bench ]] || missing+=" $(bench_packages | tr '\n' ' ')"
  # shellcheck disable=SC2086 # one word per package
  [[ -z ${missing// /} ]] || install_packages $missing || [[ -z $(venv_package) ]] || exit 1
  # Whatever else is still missing is the reason that a skipped test, or a peer's absence from the table, gives.
}

make_venv() {
  local clear=()
  # A moved checkout, or a Python that is gone: nothing in the environment can be trusted.
  if [[ -d .venv ]] && { ! .venv/bin/python -c '' 2>/dev/null || [[ $(cat .venv/.setup-path 2>/dev/null) != "$PWD" ]]; }; then
    clear=(--clear)
  fi
  if [[ ! -x .venv/bin/pip || ${#clear[@]} -gt 0 ]]; then
    say "making .venv with $("$python" --version 2>&1) ($python)"
    "$python" -m venv ${clear[@]+"${clear[@]}"} .venv >/dev/null
    echo "$PWD" >.venv/.setup-path
  fi
}

python_packages() {
  make_venv
  rm -f .venv/.setup-stamp
  local pip=(.venv/bin/python -m pip --quiet --disable-pip-version-check --no-input)
  say "installing $(grep -c '^[a-z].*==' "$requirements") Python packages from $requirements"
  "${pip[@]}" install --no-compile --require-hashes --requirement "$requirements"
  "${pip[@]}" install --no-compile --no-deps --no-build-isolation --editable .
  # What a start needs is compiled now, and no more: a start that has to compile takes three times as long, and where
  # PYTHONDONTWRITEBYTECODE is set every one would.
  env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -c 'import workgate.cli.commands, workgate.storage.upgrade'
  stamp_of "$requirements" >.venv/.setup-stamp
}

node_packages() {
  local folder=tests/clients/node stamp sum install
  [[ -f $folder/package.json ]] && have npm || return 0
  stamp=$folder/node_modules/.setup-stamp
  sum=$(cat "$folder"/package*.json | sha256sum)
  [[ ! -f $stamp || $(<"$stamp") != "$sum" ]] || return 0
  install=(install --no-package-lock)
  [[ ! -f $folder/package-lock.json ]] || install=(ci)
  say "installing the Node.js packages of $folder"
  if (cd "$folder" && npm "${install[@]}" --no-audit --no-fund --loglevel=error >/dev/null); then
    mkdir -p "$folder/node_modules"
    echo "$sum" >"$stamp"
  else
    say "npm failed; the tests that need these packages will say so"
  fi
}

# A SAML identity provider that others wrote: unpacked and not installed, for its package wants a web server.
simplesamlphp() {
  local folder=build/simplesamlphp
  [[ ! -d $folder/usr/share/simplesamlphp/www ]] && have apt-get && have dpkg-deb || return 0
  say "unpacking Debian's package simplesamlphp into $folder"
  mkdir -p "$folder"
  if ! (cd "$folder" && fetch_simplesamlphp >/dev/null 2>&1 && dpkg-deb -x simplesamlphp_*.deb . && rm simplesamlphp_*.deb); then
    say "it cannot be had from apt-get here; the tests that need it will say so"
  fi
}

fetch_simplesamlphp() {
  apt-get download -qq simplesamlphp && return
  [[ $(id -u) == 0 ]] && apt-get update -qq && apt-get download -qq simplesamlphp
}

if [[ $mode == demo ]] && python_ready; then exit 0; fi
python=$(find_python)
system_packages
python_ready || python_packages
if [[ $mode == test ]]; then node_packages; simplesamlphp; fi
