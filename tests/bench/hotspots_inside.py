#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of hotspots.py that runs in level 1: one emulator, one disk, fio in its guest.

Says "MARK BUILD ..." where each load ends; leaves in $OUT where kernel and emulator lie in memory.
"""

import argparse
import os
import pathlib
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / 'lab'), str(HERE)]
sys.dont_write_bytecode = True

import images  # noqa: E402
import inside  # noqa: E402
from vm import Vm  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--emulator', required=True, type=pathlib.Path)
    parser.add_argument('--peer', action='store_true')
    parser.add_argument('--lab', required=True, type=pathlib.Path)
    parser.add_argument('--kvm', nargs=2, type=pathlib.Path)
    parser.add_argument('disk', choices=['nvme', 'virtio'])
    parser.add_argument('variant')
    parser.add_argument('requests', type=int)
    options = parser.parse_args()
    out = pathlib.Path(os.environ['OUT'])
    image = pathlib.Path('disk.img').resolve()
    images.make_blank(image, 64)
    emulator = inside.Emulator('debian' if options.peer else 'ours', options.emulator, not options.peer)
    engine = None
    if emulator.ours:
        engine = 'kvm' if options.kvm else 'user'
    if options.kvm:
        inside.swap_kvm(options.kvm)
    append = f'{images.GUEST_APPEND} lab.job=bench lab.args={options.disk},{options.requests}'
    if options.disk == 'virtio':
        append += ' lab.disk=vda'
        device = inside.virtio_disk(emulator, image, options.variant)
    else:
        device = emulator.nvme(image, options.variant)
    vmlinuz = next((options.lab / 'kernel').glob('boot/vmlinuz-*'))
    with Vm(emulator.path, out / 'vm', emulator.machine(engine) +
            ['-kernel', str(vmlinuz), '-initrd', str(options.lab / 'guest.cpio'), '-append', append, '-no-shutdown'] + device) as vm:
        vm.wait_text('^BENCH idle', 600)
        (out / 'maps').write_text(pathlib.Path(f'/proc/{vm.child.pid}/maps').read_text())
        (out / 'kallsyms').write_text(pathlib.Path('/proc/kallsyms').read_text())
        print('MARK begin', flush=True)
        told = 0
        while 'GUEST job bench ended' not in vm.text():
            found = re.findall(rf'^BENCH {options.disk} (\S+) (\d+) (\d+;\d+;\d+;\d+)$', vm.text(), re.M)
            for kind, depth, fields in found[told:]:
                read_kib, _, write_kib, _ = (int(word) for word in fields.split(';'))
                print(f'MARK {kind} {depth} {(read_kib or write_kib) // 4}', flush=True)
            told = len(found)
            time.sleep(0.02)


if __name__ == '__main__':
    sys.exit(main())
