#!/bin/sh
# Run a command in an unpacked image, as a container runtime with strict settings does: read-only root, memory for /tmp, /work alone writable,
# no capabilities, no way to gain any. Called in namespaces of its own; ROOT, WORK and NOBODY (a uid) say what and who.
set -eu
mkdir -p "$ROOT/work" "$ROOT/proc" "$ROOT/tmp" "$ROOT/dev"
/usr/bin/mount --bind "$ROOT" "$ROOT"
/usr/bin/mount -t tmpfs -o size=64m,mode=1777 tmpfs "$ROOT/tmp"
/usr/bin/mount -t proc -o nosuid,nodev,noexec proc "$ROOT/proc"
/usr/bin/mount --bind "$WORK" "$ROOT/work"
/usr/bin/mount --rbind /dev "$ROOT/dev"
/usr/bin/mount -o remount,bind,ro "$ROOT"
cd "$ROOT"
root=$ROOT nobody=$NOBODY
unset ROOT WORK NOBODY
exec /usr/sbin/chroot "$root" /usr/bin/setpriv --reuid="$nobody" --regid="$nobody" --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs \
    sh -c 'cd /work && exec "$@"' sh "$@"
