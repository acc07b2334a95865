#!/usr/bin/env bash
# What runs GitHub workflows and actions here, and what lints them: act in host mode, actionlint, zizmor, GitHub's own language service.
#
#   .ci/engines/github.sh          fetch and build what is missing; the last line of the output is the folder that holds it
#   .ci/engines/github.sh --where  only say where it would be
set -euo pipefail
cd "$(dirname "$0")/../.."
. .ci/place.sh

act=v0.2.87
actionlint=v1.7.12
zizmor=1.32.0
schemas=0.39.0
languageservice=0.3.61
esbuild=0.28.2

require "Go 1.26, Node 20, Python 3.11 or newer" go node npm python3
place github "${1:-}" < <(
    go version
    node --version
    echo "$act $actionlint $zizmor $schemas $languageservice $esbuild"
    cat tests/engines/github/language/check.mjs
)
mkdir -p "$folder"
beside

tool() { # tool NAME PACKAGE: a Go program, whole or not at all
    [ ! -x "$folder/$1" ] || return 0
    echo "building $1" >&2
    CGO_ENABLED=0 GOFLAGS=-mod=readonly GOBIN=$aside go install -trimpath -ldflags='-s -w' "$2" >&2
    mv "$aside/$1" "$folder/$1"
}
tool act "github.com/nektos/act@$act"
tool actionlint "github.com/rhysd/actionlint/cmd/actionlint@$actionlint"

if [ ! -x "$folder/python/bin/zizmor" ]; then
    echo "installing zizmor and check-jsonschema" >&2
    rm -rf "$folder/python"
    python3 -m venv "$folder/python" >&2
    "$folder/python/bin/pip" install --quiet --disable-pip-version-check "check-jsonschema==$schemas" "zizmor==$zizmor" >&2
fi
if [ ! -f "$folder/language.cjs" ]; then
    echo "bundling the language service" >&2
    cp tests/engines/github/language/check.mjs "$aside/"
    npm install --silent --no-audit --no-fund --prefix "$aside" "@actions/languageservice@$languageservice" "esbuild@$esbuild" >&2
    (cd "$aside" && npx --no-install esbuild check.mjs --bundle --platform=node --format=cjs --log-level=warning --outfile=language.cjs) >&2
    mv "$aside/language.cjs" "$folder/language.cjs"
fi
echo "$folder"
