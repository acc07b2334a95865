#!/usr/bin/env bash
# The real engines that tests marked `engine` and `interop` run on: built or fetched once, at pinned versions, into the user's cache.
#
#   .ci/engines.sh            all of them
#   .ci/engines.sh github …   only these; see .ci/engines/
set -u
cd "$(dirname "$0")/engines"

failed=""
for name in ${*:-*.sh}; do
    bash "${name%.sh}.sh" || failed="$failed ${name%.sh}"
done
[ -z "$failed" ] || echo "engines.sh: not available:$failed" >&2
[ -z "$failed" ]
