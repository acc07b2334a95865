#!/usr/bin/env bash
# The real services that tests marked `interop` talk to: built once, at pinned versions, into the user's cache.
#
#   .ci/engines/sigstore.sh          build what is missing; the last line of the output is the folder with the binaries
#   .ci/engines/sigstore.sh --where  only say where they would be
set -euo pipefail
cd "$(dirname "$0")/../.."

fulcio=v1.8.8
timestamp=v2.1.3
rekor=v2.3.0
cosign=v3.1.2

command -v go >/dev/null || {
    echo "sigstore.sh: Go 1.26 or newer is needed to build the Sigstore services (https://go.dev/dl)" >&2
    exit 1
}
key=$({ go version; echo "$fulcio $timestamp $rekor $cosign"; cat tests/engines/sigstore/ctlog/{main.go,go.mod,go.sum}; } | sha256sum | cut -c1-16)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/mlops-stage/engines/sigstore-$key
if [ "${1:-}" = --where ]; then
    echo "$folder"
    exit
fi

build() { # build NAME COMMAND…: run it with GOBIN in a folder of its own, so that an interrupted build leaves nothing that looks finished
    [ ! -x "$folder/$1" ] || return 0
    echo "building $1" >&2
    aside=$(mktemp -d "$folder/.build.XXXXXX")
    name=$1
    shift
    GOBIN=$aside "$@" >&2
    mv "$aside"/* "$folder/$name"
    rmdir "$aside"
}

ctlog() { (cd tests/engines/sigstore/ctlog && go build -o "$GOBIN/ctlog" .); }

mkdir -p "$folder"
export GOFLAGS=-mod=readonly
build ctlog ctlog
build fulcio go install "github.com/sigstore/fulcio@$fulcio"
build timestamp-server go install "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server@$timestamp"
build rekor-server go install -ldflags='-s -w' "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix@$rekor"
build cosign go install -ldflags='-s -w' "github.com/sigstore/cosign/v3/cmd/cosign@$cosign"
echo "$folder"
