#!/usr/bin/env bash
# The steps of `make test`: $@ is "static", "tests" or both. All steps run; any failure fails.
# STORES_ONLY=1 leaves out the tests that are the same on every database, and those in a browser.
set -uo pipefail
cd "$(dirname "$0")/.."

export PATH="$PWD/.venv/bin:$PATH"
failed=()
began=$SECONDS

step() {
  local name=$1 at=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  if "$@"; then
    printf '   ok, %d s\n' $((SECONDS - at))
  else
    failed+=("$name")
    printf '   FAILED\n'
  fi
}

chromium() {
  local name
  for name in "${CHROMIUM:-chromium}" google-chrome chromium-browser; do
    command -v "$name" && return
  done
  return 1
}

static() {
  # A state directory of its own: checks must not touch a running console.
  STATE_DIR=$(mktemp -d)
  export STATE_DIR
  step "Format" ruff format --quiet --check .
  step "Lint" ruff check --quiet .
  step "Templates" djlint --quiet --lint templates
  step "Types" mypy
  step "Import contracts" lint-imports --no-logo
  step "System checks" python manage.py check
  step "Migrations" python manage.py makemigrations --check --dry-run
  rm -rf "$STATE_DIR"
  unset STATE_DIR
}

tests() {
  # Two for each core, for many tests wait for processes. Five at most: each takes three of a
  # Redis's sixteen databases.
  step "Tests" python -m pytest -q -rs -n "$(($(python -c 'import os; print(os.cpu_count())') * 2))" --maxprocesses 5 -m "not browser${STORES_ONLY:+ and not storeless}" \
    ${coverage[@]+"${coverage[@]}"}
  if [ -n "${STORES_ONLY:-}" ]; then
    return
  elif chromium >/dev/null; then
    step "Browser tests" python -m pytest -q -m browser
  else
    printf '\n== Browser tests\n   skipped: no Chromium here (on Debian: apt-get install chromium)\n'
  fi
}

coverage=()
[ -z "${COVERAGE:-}" ] || coverage=(--cov --cov-report term)

for part in "$@"; do "$part"; done

echo
if [ ${#failed[@]} -gt 0 ]; then
  printf 'FAILED after %d s: %s\n' $((SECONDS - began)) "$(IFS=,; echo "${failed[*]}")"
  exit 1
fi
printf 'All steps passed in %d s.\n' $((SECONDS - began))
