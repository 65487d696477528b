#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes a compiled ACPI table as a C array: aml2c.py NAME INPUT OUTPUT.

The compiler opens a table with "If (0) { External... }", which only disassemblers read.  Small parsers in firmware know
definitions of objects alone and would stop there: the block is left out.
"""
import sys

HEADER = 36
IF_OP, ZERO_OP, EXTERNAL_OP = 0xA0, 0x00, 0x15


def package_length(data, at):
    """Bytes of the package whose length field is at at, that field included (ACPI 6.4, 20.2.4)."""
    more = data[at] >> 6
    if not more:
        return data[at] & 0x3f
    return (data[at] & 0x0f) | int.from_bytes(data[at + 1:at + 1 + more], 'little') << 4


def without_externals(data):
    if data[HEADER] != IF_OP:
        return data
    body = HEADER + 2 + (data[HEADER + 1] >> 6)
    if data[body] != ZERO_OP or data[body + 1] != EXTERNAL_OP:
        return data
    data = bytearray(data[:HEADER] + data[HEADER + 1 + package_length(data, HEADER + 1):])
    data[4:8] = len(data).to_bytes(4, 'little')
    data[9] = 0
    data[9] = -sum(data) & 0xff
    return bytes(data)


def main():
    name, source, target = sys.argv[1:]
    with open(source, 'rb') as f:
        data = without_externals(f.read())
    with open(target, 'w') as f:
        f.write(f'static const unsigned char {name}[{len(data)}] = {{\n')
        for at in range(0, len(data), 16):
            f.write('    ' + ' '.join(f'0x{b:02x},' for b in data[at:at + 16]) + '\n')
        f.write('};\n')


main()
