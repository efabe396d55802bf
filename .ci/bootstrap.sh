#!/usr/bin/env bash
# Install requirements/$1.txt into .venv: with uv when it is there, else with venv and pip.
set -euo pipefail
cd "$(dirname "$0")/.."

what=$1
list=requirements/$what.txt
venv=.venv
log=$venv/install.log
total=$(grep -c '^[a-z0-9].*==' "$list")

stop() {
  printf '%s\n' "$*" >&2
  exit 1
}

in_range() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; }
has_venv() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

find_python() {
  local candidate seen="" bare=""
  for candidate in ${PY:-python3 python3.13 python3.12 python3.11}; do
    command -v "$candidate" >/dev/null || continue
    if ! in_range "$candidate"; then
      seen="$seen $candidate ($("$candidate" --version 2>&1 | head -n 1))"
    elif has_venv "$candidate"; then
      echo "$candidate"
      return
    else
      bare=$("$candidate" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    fi
  done
  [ -z "$bare" ] || stop "Python's venv module is missing. On Debian or Ubuntu: apt-get install $bare"
  stop "Countersign needs Python 3.11, 3.12 or 3.13; found:${seen:- none}." \
    "Install one, or name it: make run PY=/path/to/python3.12"
}

# One line that counts on a terminal, one line for each tenth in a log.
progress() {
  local live=0
  [ ! -t 1 ] || live=1
  awk -v total="$total" -v live="$live" '
    /^ *Collecting / {
      n++; sub(/==.*/, "", $2)
      if (live) printf "\r\033[K  %d of %d: %s", n, total, $2
      else if (n % int(total / 10 + 1) == 0) printf "  %d of %d\n", n, total
      fflush()
    }
    /^Installing collected/ { if (live) printf "\r\033[K"; print "  unpacking"; fflush() }
    END { if (live) printf "\r\033[K" }'
}

announce() { echo "Installing $total packages into $venv (once; a minute or so)"; }

failed() {
  grep -E '^(ERROR|error|  ×|  ╰)' "$log" | tail -n 3 >&2 || tail -n 3 "$log" >&2
  stop "The packages could not be installed; is this machine online? All that was said is in $log."
}

with_uv() {
  uv venv -q --allow-existing --python ">=3.11,<3.14" "$venv" ||
    stop "uv found no Python 3.11, 3.12 or 3.13."
  announce
  uv pip install --compile-bytecode --require-hashes -r "$list" --python "$venv/bin/python" \
    >"$log" 2>&1 || failed
}

with_pip() {
  local python
  if ! in_range "$venv/bin/python"; then
    python=$(find_python)
    rm -rf "$venv"
    "$python" -m venv "$venv"
  fi
  # uv makes environments without pip.
  "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
  announce
  "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --require-hashes \
    --no-deps -r "$list" 2>&1 | tee "$log" | progress || failed
}

if command -v uv >/dev/null; then with_uv; else with_pip; fi
touch "$venv/.$what"
# Everything contains what is needed to run.
[ "$what" != all ] || touch "$venv/.run"
