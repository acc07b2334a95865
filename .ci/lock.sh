#!/usr/bin/env bash
# Write the hash-locked requirements that native steps install: one file for each stage, and one for all of them.
#
#   .ci/lock.sh            keep the versions that are locked, add what is new
#   .ci/lock.sh --upgrade  take the newest versions
set -euo pipefail
cd "$(dirname "$0")/.."

command -v uv >/dev/null || {
    echo "lock.sh: uv is needed (pip install uv)" >&2
    exit 1
}
locks=core/mlops_stage/native/locks
stages="adversarial compile data fairness quality sbom scan sign verify"

lock() { # lock NAME EXTRAS…: every platform and every Python from 3.11, with the build backend, for a checkout is built with it
    name=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url \
        --constraints "$locks/all.txt" "${options[@]}" $(printf -- '--extra %s ' "$@") --output-file "$locks/$name.txt" pyproject.toml <(echo 'hatchling>=1.26')
}

options=("$@")
[ -f "$locks/all.txt" ] || : >"$locks/all.txt"
cp "$locks/all.txt" "$locks/all.txt.before"
trap 'rm -f "$locks/all.txt.before"' EXIT
uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url \
    "${options[@]}" $(printf -- '--extra %s ' $stages) --output-file "$locks/all.txt" pyproject.toml <(echo 'hatchling>=1.26')
options=()
for stage in $stages; do lock "$stage" "$stage"; done
