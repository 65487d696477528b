#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Starts a multiboot kernel with two modules on the host's KVM and passes its TAP lines on.

    multiboot.py QEMU ELF
"""

import os
import subprocess
import sys
import tempfile

import run

TESTS = 9


def main():
    qemu, elf = sys.argv[1:3]
    problem = run.kvm_problem()
    tap = run.Tap()
    if problem:
        print(f'1..0 # SKIP {problem}')
        return 0
    with tempfile.TemporaryDirectory() as folder:
        first, second, serial = (os.path.join(folder, name) for name in ('one', 'two', 'serial'))
        for path, text in ((first, 'first\n'), (second, 'x' * 5000)):
            with open(path, 'w', encoding='ascii') as f:
                f.write(text)
        for machine in ('pc', 'q35'):
            args = [qemu, '-nodefaults', '-display', 'none', '-machine', machine, '-accel', 'kvm', '-m', '16', '-serial',
                    f'file:{serial}', '-device', 'isa-debug-exit,iobase=0xf4', '-kernel', elf, '-append', 'some word=7',
                    '-initrd', f'{first},{second} with args']
            try:
                done = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, timeout=run.LIMIT, check=False)
                status, said = done.returncode, done.stderr.decode(errors='replace')
            except subprocess.TimeoutExpired as error:
                status, said = 'none', (error.stderr or b'').decode(errors='replace')
            with open(serial, encoding='utf-8', errors='replace') as f:
                lines = [line for line in f.read().splitlines() if run.LINE.match(line)]
            for line in lines:
                found = run.LINE.match(line)
                tap.result(found[1] == 'ok', f'{machine}: {found[3]}')
            tap.result(status == 1 and len(lines) == TESTS, f'{machine}: the kernel runs to its end')
            if status != 1:
                tap.note(f'status {status}\n{said}')
    print(f'1..{tap.n}')
    return 1 if tap.bad else 0


if __name__ == '__main__':
    sys.exit(main())
