#!/bin/sh
# Prints the path of a Chromium for the end-to-end tests; everything else goes to stderr.
# Where there is none, a root user of Debian or Ubuntu gets the distribution's package.
set -eu

find_browser() {
    if [ -n "${TB_NAN_CHROMIUM:-}" ]; then
        command -v "$TB_NAN_CHROMIUM" && return
        echo "TB_NAN_CHROMIUM is '$TB_NAN_CHROMIUM', and no program is there." >&2
        exit 1
    fi
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        command -v "$name" && return
    done
    return 1
}

find_browser && exit

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "No Chromium here: installing the distribution's package." >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -q -y --no-install-recommends chromium fonts-liberation; } >&2 || true
    find_browser && exit
fi

echo "The end-to-end tests need Chromium, and none was found: install the package 'chromium' (or" >&2
echo "Google Chrome), or say where it is: make test TB_NAN_CHROMIUM=/path/to/chrome" >&2
exit 1
