#!/usr/bin/env bash
# Writes requirements/*.txt anew from pyproject.toml: exact versions with hashes, no download addresses.
# Pins that still fit stay as they are; `scripts/lock.sh --upgrade` takes the newest of everything.
set -euo pipefail
cd "$(dirname "$0")/.."

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check uv

lock() {
  local out=requirements/$1.txt
  shift
  "$tmp/venv/bin/uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header --output-file "$out" "$@" >/dev/null
  if grep -nE '[a-z]:/{2}' "$out"; then
    echo "lock: $out names a download address" >&2
    exit 1
  fi
  echo "lock: $out, $(grep -c '==' "$out") packages"
}

lock server --extra server --group build "$@"
# The constraint keeps what is tested equal to what is served.
lock dev --extra server --extra saml --group dev --constraint requirements/server.txt "$@"
