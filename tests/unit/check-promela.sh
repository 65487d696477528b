#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Proves a spin model: check-promela.sh MODEL...; TAP on stdout.  A model is broken on purpose with -D, too, if it names
# such a macro in a line "/* must fail with: NAME */": a check that cannot fail checks nothing.
set -u
command -v spin >/dev/null && command -v cc >/dev/null || { echo "1..0 # SKIP spin is not installed"; exit 0; }
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
n=0
prove()   # MODEL [MACRO]
{
    (cd "$dir" && rm -f pan* *.trail && spin -a ${2:+-D$2} "$1" >/dev/null && cc -O1 -w -o pan pan.c && ./pan -m100000) >"$dir/out" 2>&1 &&
        grep -q 'errors: 0' "$dir/out"
}
for model; do
    case $model in /*) ;; *) model=$PWD/$model ;; esac
    n=$((n + 1))
    if prove "$model"; then echo "ok $n $(basename "$model")"; else sed 's/^/# /' "$dir/out"; echo "not ok $n $(basename "$model")"; fi
    for macro in $(sed -n 's/.*must fail with: \([A-Z_]*\).*/\1/p' "$model"); do
        n=$((n + 1))
        if prove "$model" "$macro"; then echo "not ok $n $macro is not noticed"; else
            grep -q 'errors: [1-9]' "$dir/out" && echo "ok $n $macro is noticed" || { sed 's/^/# /' "$dir/out"; echo "not ok $n $macro"; }
        fi
    done
done
echo "1..$n"
