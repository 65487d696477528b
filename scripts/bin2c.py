#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes a binary file as a C array: bin2c.py NAME INPUT OUTPUT."""
import sys

name, source, target = sys.argv[1:]
with open(source, 'rb') as f:
    data = f.read()
with open(target, 'w') as f:
    f.write(f'static const unsigned char {name}[{len(data)}] = {{\n')
    for at in range(0, len(data), 16):
        f.write('    ' + ' '.join(f'0x{b:02x},' for b in data[at:at + 16]) + '\n')
    f.write('};\n')
