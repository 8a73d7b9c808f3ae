#!/usr/bin/env bash
# Installs the Debian packages that mlcm is built and tested with, where they
# are missing. Says nothing when none is. Exit code 4: something is missing and
# could not be installed from here.
set -euo pipefail

packages="build-essential pkg-config libopenblas-openmp-dev libhdf5-dev libgsl-dev libcjson-dev
          libssl-dev liblzma-dev libutf8proc-dev zlib1g-dev gnuplot-nox libcmocka-dev"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    # Not Debian: the libraries may be there under other packages' names.
    if pkg-config --exists openblas hdf5 gsl libcjson libcrypto liblzma libutf8proc zlib cmocka 2>/dev/null; then
        exit 0
    fi
    echo "install.sh: this is not Debian; install what it calls: $(echo $packages)" >&2
    exit 4
fi

lacking=""
for package in $packages; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || lacking="$lacking $package"
done
[ -n "$lacking" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root="env"
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root="sudo env"
else
    echo "install.sh: packages are missing; as root run: apt-get install --no-install-recommends$lacking" >&2
    exit 4
fi

echo "installing:$lacking" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $as_root apt-get update &&
       $as_root DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y \
           --no-install-recommends $lacking; } >"$log" 2>&1 </dev/null; then
    tail -n 5 "$log" >&2
    echo "install.sh: apt-get could not install:$lacking; mend that and start again" >&2
    exit 4
fi
