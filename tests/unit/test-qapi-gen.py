#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Mistakes in a schema are refused with file, line and reason."""
import os
import subprocess
import sys
import tempfile

GEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'scripts', 'qapi-gen.py')
CASES = [
    ("{ 'struct': 'A', 'data': { 'x': 'Nope' } }", "1: type 'Nope' does not exist"),
    ("\n{ 'struct': 'A', 'data': {} }\n{ 'struct': 'A', 'data': {} }", "3: name 'A' is taken"),
    ("{ 'struct': 'AList', 'data': {} }", "1: name 'AList' is taken"),
    ("{ 'command': 'Bad' }", "1: command 'Bad' is not spelt like one"),
    ("{ 'command': 'a', 'date': {} }", "1: command 'a' has unknown key 'date'"),
    ("{ 'event': 'A' ", "1: expected ',' or '}'"),
    ("{ 'event': 'A\n' }", "1: string does not end on its line"),
    ("{ 'enum': 'E', 'data': ['a'] }\n{ 'union': 'U', 'base': { '*t': 'E' }, 'discriminator': 't', 'data': {} }",
     "2: discriminator of 'U' must be a mandatory enum member of its base"),
    ("{ 'enum': 'E', 'data': ['a'] }\n{ 'struct': 'S', 'data': {} }\n"
     "{ 'union': 'U', 'base': { 't': 'E' }, 'discriminator': 't', 'data': { 'b': 'S' } }",
     "3: variant 'b' of 'U' is no value of 'E'"),
    ("{ 'enum': 'E', 'data': ['a'] }\n{ 'alternate': 'X', 'data': { 's': 'str', 'e': 'E' } }",
     "2: branches of alternate 'X' cannot be told apart by their JSON type"),
    ("{ 'enum': 'E', 'data': ['a'] }\n{ 'union': 'U', 'base': { 't': 'E' }, 'discriminator': 't', 'data': {} }\n"
     "{ 'command': 'c', 'data': 'U' }", "3: 'c' takes a union: add 'boxed': true"),
    ("{ 'struct': 'A', 'data': { 'a-b': 'int', 'a_b': 'int' } }", "1: member 'a_b' of 'A' is given twice"),
]

print(f'1..{len(CASES)}')
failed = False
for number, (schema, want) in enumerate(CASES, 1):
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, 's.json')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(schema)
        run = subprocess.run([sys.executable, GEN, '--outdir', tmp, path], capture_output=True, text=True, check=False)
        got = run.stderr.strip()
        ok = run.returncode == 1 and got == f'qapi-gen.py: {path}:{want}' and os.listdir(tmp) == ['s.json']
    print(f"{'ok' if ok else 'not ok'} {number} {want}" + ('' if ok else f' # got: {got}'))
    failed |= not ok
sys.exit(failed)
