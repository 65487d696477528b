#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Installs the packages of scripts/packages.txt that are missing.
#
# The list is printed before anything is changed. As root, or by sudo. INSTALL=no in the environment only says what is
# missing and stops with status 1. Nothing missing: says nothing, status 0.

set -u
list=$(dirname "$0")/packages.txt

installed() {
    dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed
}

known() {
    apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'
}

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "install-packages: this machine has no dpkg; install the counterparts of these packages yourself:" >&2
    sed -e '/^#/d' -e 's/^/    /' "$list" >&2
    [ "${INSTALL:-yes}" = no ] && exit 1
    echo "install-packages: going on without a check" >&2
    exit 0
fi

# One line a package: alternatives separated by spaces.
missing=$(sed -e 's/#.*//' -e 's/|/ /g' "$list" | while read -r names; do
    [ -n "$names" ] || continue
    found=no
    for name in $names; do
        if installed "$name"; then
            found=yes
            break
        fi
    done
    [ $found = yes ] || echo "$names"
done)

[ -n "$missing" ] || exit 0

echo "These packages are missing:"
echo "$missing" | while read -r name rest; do
    reason=$(sed -n "s/^$name[ |].*# *//p" "$list" | head -n 1)
    printf '    %-22s %s\n' "$name" "$reason"
done

if [ "${INSTALL:-yes}" = no ]; then
    echo "INSTALL=no: nothing was installed. Install them, or run again without INSTALL=no."
    exit 1
fi

if [ "$(id -u)" = 0 ]; then
    run=
elif command -v sudo >/dev/null 2>&1; then
    run=sudo
else
    echo "install-packages: not root, and there is no sudo; as root: apt-get install" \
         "$(echo "$missing" | awk '{printf "%s ", $1}')" >&2
    exit 1
fi

echo "Installing them with apt-get ..."
$run env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null ||
    echo "install-packages: apt-get update failed; trying with the package lists that are there" >&2
chosen=$(echo "$missing" | while read -r names; do
    pick=
    for name in $names; do
        if known "$name"; then
            pick=$name
            break
        fi
    done
    echo "${pick:-${names%% *}}"
done)
# shellcheck disable=SC2086 # one word a package
$run env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 install $chosen </dev/null >/dev/null || {
    echo "install-packages: apt-get could not install:" $chosen >&2
    exit 1
}
echo "Packages are installed."
