#!/usr/bin/env bash
# Brings the catalogs of the pages' texts up to date with the source and compiles them: run it after changing a text,
# translate what it names in src/workgate/web/locale/*/LC_MESSAGES/messages.po, run it again, and commit .po and .mo.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh check
exec .venv/bin/python -m scripts.catalogs
