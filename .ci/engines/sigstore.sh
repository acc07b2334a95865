#!/usr/bin/env bash
# The real services that tests marked `interop` talk to: built once, at pinned versions, into the user's cache.
#
#   .ci/engines/sigstore.sh          build what is missing; the last line of the output is the folder with the binaries
#   .ci/engines/sigstore.sh --where  only say where they would be
set -euo pipefail
cd "$(dirname "$0")/../.."
. .ci/place.sh

fulcio=v1.8.8
timestamp=v2.1.3
rekor=v2.3.0
cosign=v3.1.2

require "1.26 or newer, to build the Sigstore services: https://go.dev/dl" go
place sigstore "${1:-}" < <(
    go version
    echo "$fulcio $timestamp $rekor $cosign"
    cat tests/engines/sigstore/ctlog/{main.go,go.mod,go.sum}
)
mkdir -p "$folder"
beside

build() { # build NAME COMMAND…: run it with GOBIN aside, so that an interrupted build leaves nothing that looks finished
    [ ! -x "$folder/$1" ] || return 0
    echo "building $1" >&2
    name=$1
    shift
    mkdir "$aside/$name"
    GOBIN=$aside/$name "$@" >&2
    mv "$aside/$name"/* "$folder/$name"
}

ctlog() { (cd tests/engines/sigstore/ctlog && go build -o "$GOBIN/ctlog" .); }

export GOFLAGS=-mod=readonly
build ctlog ctlog
build fulcio go install "github.com/sigstore/fulcio@$fulcio"
build timestamp-server go install "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server@$timestamp"
build rekor-server go install -ldflags='-s -w' "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix@$rekor"
build cosign go install -ldflags='-s -w' "github.com/sigstore/cosign/v3/cmd/cosign@$cosign"
echo "$folder"
