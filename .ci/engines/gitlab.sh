#!/usr/bin/env bash
# What runs GitLab's pipelines and components here, and what knows their schema: gitlab-ci-local with its shell executor, check-jsonschema.
#
#   .ci/engines/gitlab.sh          fetch what is missing; the last line of the output is the folder that holds it
#   .ci/engines/gitlab.sh --where  only say where it would be
set -euo pipefail
cd "$(dirname "$0")/../.."
. .ci/place.sh

local=4.73.0 # later ones call Set.union, which Node 20 lacks
sha512=LfpNTCjMelgy/OoD0cEV1iATBj7OxoFxTrlFb92Mbk8lakvbGrUI7r1/o9XCVnNNClgd+xAoo39kPkZ6yg9IZw==
schemas=0.39.0

[ "${1:-}" = --where ] || command -v rsync >/dev/null || debian rsync # gitlab-ci-local copies with it
require "Node 20, Python 3.11 or newer" git node npm openssl python3 rsync
place gitlab "${1:-}" < <(
    node --version
    echo "$local $sha512 $schemas jobStatus"
)
mkdir -p "$folder"
beside

if [ ! -x "$folder/package/dist/index.js" ]; then
    echo "fetching gitlab-ci-local" >&2
    (cd "$aside" && npm pack --silent "gitlab-ci-local@$local" >&2)
    found=$(openssl dgst -sha512 -binary "$aside/gitlab-ci-local-$local.tgz" | openssl base64 -A)
    [ "$found" = "$sha512" ] || {
        echo "gitlab.sh: gitlab-ci-local-$local.tgz is not what it was: sha512-$found" >&2
        exit 1
    }
    tar -xzf "$aside/gitlab-ci-local-$local.tgz" -C "$aside" package/package.json package/dist/index.js # complete in itself
    # It takes any allow_failure for `true` when it decides what runs next and how the pipeline ends; GitLab looks at the exit code, and so does this.
    sed -i -e 's/if(F\.allowFailure)return!1;return(F\.preScriptsExitCode?/if(F.jobStatus==="warning")return!1;return(F.preScriptsExitCode?/' \
        -e 's/u\.finished&&!u\.allowFailure&&/u.finished\&\&u.jobStatus!=="warning"\&\&/' "$aside/package/dist/index.js"
    [ "$(grep -o 'jobStatus==="warning")return!1;return(F\|finished&&u.jobStatus!=="warning"' "$aside/package/dist/index.js" | wc -l)" = 2 ]
    chmod +x "$aside/package/dist/index.js"
    rm -rf "$folder/package"
    mv "$aside/package" "$folder/package"
fi
if [ ! -x "$folder/python/bin/check-jsonschema" ]; then
    echo "installing check-jsonschema" >&2
    rm -rf "$folder/python"
    python3 -m venv "$folder/python" >&2
    "$folder/python/bin/pip" install --quiet --disable-pip-version-check "check-jsonschema==$schemas" >&2
fi
echo "$folder"
