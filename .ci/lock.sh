#!/usr/bin/env bash
# Pin requirements/*.txt with hashes. They name no host: any index or mirror serves them.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v uv >/dev/null || {
  echo "make lock needs uv on PATH (and not inside .venv): pipx install uv" >&2
  exit 1
}
compile() {
  uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header --no-annotate pyproject.toml "$@"
}
compile "$@" --output-file requirements/run.txt
compile "$@" --group dev --constraints requirements/run.txt --output-file requirements/all.txt
