#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of hotspots.py that runs in level 1: one emulator, one disk, fio in its guest.

Says "MARK KIND DEPTH REQUESTS" where each load ends, after a "MARK begin"; leaves in $OUT where kernel and emulator lie in memory.
"""

import argparse
import os
import pathlib
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
    if options.kvm:
        inside.swap_kvm(options.kvm)
    lab = {'vmlinuz': next((options.lab / 'kernel').glob('boot/vmlinuz-*')), 'guest': options.lab / 'guest.cpio'}
    arguments = inside.request_machine(emulator, options.variant, lab, options.disk, image, options.requests)
    with Vm(emulator.path, out / 'vm', arguments) as vm:
        vm.wait_text('^BENCH idle', 600)
        (out / 'maps').write_text(pathlib.Path(f'/proc/{vm.child.pid}/maps').read_text())
        (out / 'kallsyms').write_text(pathlib.Path('/proc/kallsyms').read_text())
        print('MARK begin', flush=True)
        told, ended = 0, False
        while not ended:
            text = vm.text()
            ended = 'GUEST job bench ended' in text
            found = list(inside.loads_done(text, options.disk))
            for kind, depth, requests, _ in found[told:]:
                print(f'MARK {kind} {depth} {requests}', flush=True)
            told = len(found)
            time.sleep(0.02)


if __name__ == '__main__':
    sys.exit(main())
