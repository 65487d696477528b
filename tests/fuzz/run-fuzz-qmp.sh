#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Fuzzes QMP input for SECONDS (default 60).  Needs clang with libFuzzer; works in build-fuzz/.
set -e
cd "$(dirname "$0")/../.."
seconds=${1:-60}
out=build-fuzz/qmp
mkdir -p "$out/corpus" "$out/qapi"
: > "$out/config-host.h"
# shellcheck disable=SC2046
python3 scripts/qapi-gen.py --outdir "$out/qapi" $(sed -n "s,^  '\([a-z-]*\.json\)'\,$,qapi/\1,p" qapi/meson.build)
# shellcheck disable=SC2046
clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -std=gnu17 -D_GNU_SOURCE \
    -include "$out/config-host.h" -I"$out" -Iinclude -Ilinux-headers $(pkg-config --cflags glib-2.0 gobject-2.0 json-c) \
    tests/fuzz/fuzz-qmp.c monitor/json-stream.c qapi/qapi-core.c qapi/qapi-dispatch.c "$out/qapi/qapi-tables.c" \
    util/json.c util/error.c -o "$out/fuzz-qmp" $(pkg-config --libs glib-2.0 json-c)
# One seed a command, made from the schema.
python3 - "$out" <<'PY'
import os, re, sys
out = sys.argv[1]
names = []
for f in os.listdir('qapi'):
    if f.endswith('.json'):
        with open(os.path.join('qapi', f), encoding='utf-8') as s:
            names += re.findall(r"'command': '([a-z0-9_-]+)'", s.read())
words = set(names)
for i, n in enumerate(sorted(names)):
    with open(os.path.join(out, 'corpus', f'cmd{i}'), 'w', encoding='utf-8') as s:
        s.write('{"execute": "%s", "arguments": {"id": "a", "device": \'b\', "size": -1}, "id": [1]}\n' % n)
for f in os.listdir('qapi'):
    if f.endswith('.json'):
        with open(os.path.join('qapi', f), encoding='utf-8') as s:
            words |= set(re.findall(r"'\*?([a-zA-Z0-9_-]+)'", s.read()))
with open(os.path.join(out, 'dict'), 'w', encoding='utf-8') as s:
    s.writelines('"\\"%s\\""\n' % w for w in sorted(words))
with open(os.path.join(out, 'corpus', 'chardev'), 'w', encoding='utf-8') as s:
    s.write('{"execute":"chardev-add","arguments":{"id":"c","backend":{"type":"socket","data":{"addr":{"type":"unix",'
            '"data":{"path":"p"}},"server":true}}}}')
PY
exec "$out/fuzz-qmp" -max_total_time="$seconds" -max_len=4096 -rss_limit_mb=1024 -dict="$out/dict" \
    -print_final_stats=1 -artifact_prefix="$out/" "$out/corpus"
