#!/bin/sh
# Puts MotionLens into the menu of this user's desktop, from where this folder lies now; with --remove takes it out again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
entry=${XDG_DATA_HOME:-$HOME/.local/share}/applications/motionlens.desktop
if [ "${1:-}" = --remove ]; then
    rm -f "$entry"
else
    mkdir -p "$(dirname "$entry")"
    sed "s|@PREFIX@|$here|" "$here/share/applications/motionlens.desktop" >"$entry"
    echo "$entry"
fi
