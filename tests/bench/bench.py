#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make bench: what accesses, requests and a start cost, in instructions, ours beside Debian's emulator in the same run.

The measuring is done in level 1 of the lab with instruction counting (inside.py), so the figures do not depend on this
machine. Writes BUILD/bench/results.json, prints a table, and ends with status 1 when something could not be measured;
a target that is missed is marked in the table.
"""

import argparse
import json
import pathlib
import shlex
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lab'))
sys.dont_write_bytecode = True

import images  # noqa: E402
import initramfs  # noqa: E402
import kmod  # noqa: E402
import kselftest  # noqa: E402
import level1  # noqa: E402
from kernel import LabError  # noqa: E402

PARTS = ('start', 'access', 'scaling', 'requests', 'virtio', 'net', 'engines', 'channels', 'polling')   # virtio: that share of requests alone
MIB = 1024
START = time.monotonic()


def say(text):
    print(f'[{time.monotonic() - START:5.0f} s] {text}', flush=True)


def build_guest(folder):
    """The timing guest: a 64-bit ELF file around 32-bit code, as PVH loaders want it."""
    small, guest = folder / 'access32.elf', folder / 'access.elf'
    subprocess.run(['gcc', '-m32', '-O2', '-ffreestanding', '-fno-pic', '-no-pie', '-fno-stack-protector', '-nostdlib',
                    '-fno-asynchronous-unwind-tables', '-static', '-Wl,--build-id=none', '-Wl,-Ttext-segment=0x100000',
                    '-Wl,-n', '-Wl,-e,entry', '-Wl,--no-warn-rwx-segments', '-o', str(small), str(HERE / 'access.c')],
                   check=True)
    subprocess.run(['objcopy', '-I', 'elf32-i386', '-O', 'elf64-x86-64', str(small), str(guest)], check=True)
    return guest


def build_scaling_guest(folder):
    """The guest of "make check" in which each processor works on a device of its own, with more work."""
    source = HERE.parent / 'guest'
    elf, image = folder / 'scaling.elf', folder / 'scaling.bin'
    subprocess.run(['gcc', '-m32', '-march=i686', '-O1', '-ffreestanding', '-fno-pic', '-no-pie', '-fno-stack-protector',
                    '-fno-asynchronous-unwind-tables', '-mno-sse', '-mno-mmx', '-nostdlib', '-static', '-DROUNDS=3000u',
                    '-Wl,--build-id=none', '-Wl,-z,noexecstack', '-Wl,--no-warn-rwx-segments', f'-I{source}', '-T',
                    str(source / 'guest.ld'), *(str(source / name) for name in ('start.S', 'lib.c', 'scaling.c')),
                    '-o', str(elf)], check=True)
    subprocess.run(['objcopy', '-O', 'binary', '--gap-fill', '0xf4', str(elf), str(image)], check=True)
    return image


def build_channels(folder, made):
    """What the kernel half's ways cost is measured by: (program, modules of changed KVM, ioregionfd.ko)."""
    program = folder / 'channel'
    subprocess.run(['gcc', '-O2', '-Wall', f'-I{HERE.parents[1] / "linux-headers"}', '-o', str(program), str(HERE / 'channel.c'),
                    '-lpthread'], check=True)
    headers = kmod.headers(made.lab, made.kernel, say)
    return program, kmod.kvm(made.lab, made.kernel, say), kselftest.build_module(headers, made.lab / 'kmod/ioregionfd')


NET_MODULES = ['virtio_pci', 'virtio_net', 'af_packet', 'veth']


def build_net_guest(folder, made):
    """The program at both ends of a link, and what the guest with one of them boots from."""
    program, initrd = folder / 'netload', folder / 'net.cpio'
    subprocess.run(['gcc', '-O2', '-Wall', '-static', '-o', str(program), str(HERE / 'netload.c')], check=True)
    archive = initramfs.Archive()
    initramfs.base(archive, HERE.parent / 'lab/guest/init')
    initramfs.modules(archive, made.kernel, NET_MODULES)
    archive.file('bin/netload', program.read_bytes(), True)
    archive.file('jobs/net', (HERE / 'net-job').read_bytes())
    archive.write(initrd)
    return program, initrd


class Results:
    """The measurements, and what is to be reached."""

    def __init__(self, rows):
        self.rows = rows

    def find(self, **fields):
        for row in self.rows:
            if all(row.get(name) == value for name, value in fields.items()):
                return row
        return None

    def value(self, field='instructions', **fields):
        row = self.find(**fields)
        return row.get(field) if row else None

    def above_floor(self, kind, depth, **fields):
        """Instructions of a request without the guest's own share, which the same job on null_blk shows."""
        value = self.value(kind=kind, depth=depth, **fields)
        floor = self.value(measure='requests', disk='null', kind=kind, depth=depth)
        return value - floor if value is not None and floor is not None else None

    def targets(self):
        """Rows of (what, ours, compared with, limit as a share or None, limit absolute or None)."""
        for depth in (1, 32):
            for kind, variant, share in (('randread', 'dbbuf', 0.7), ('randread', 'trapped', 0.8),
                                         ('randwrite', 'dbbuf', 0.8), ('randwrite', 'trapped', 0.8)):
                where = {'measure': 'requests', 'kind': kind, 'depth': depth, 'disk': 'nvme'}
                yield (f'NVMe {kind[4:]} depth {depth}, {variant}',
                       self.value(**where, emulator='ours', variant=variant), self.value(**where, emulator='debian'), share)
            for kind, share in (('randread', 0.55 if depth == 1 else 0.4), ('randwrite', 0.6)):
                where = {'measure': 'requests', 'kind': kind, 'depth': depth, 'disk': 'nvme'}
                yield (f'NVMe {kind[4:]} depth {depth}, engine kvm, above floor',
                       self.above_floor(**where, emulator='ours', variant='kvm'),
                       self.above_floor(**where, emulator='debian'), share)
                yield (f'NVMe {kind[4:]} depth {depth}, kvm\'s doorbells, against shadow ones',
                       self.value(**where, emulator='ours', variant='kvm'),
                       self.value(**where, emulator='ours', variant='dbbuf'), 1.2)
            for kind, share in (('randread', 0.6), ('randwrite', 0.75)):
                where = {'measure': 'requests', 'kind': kind, 'depth': depth}
                yield (f'virtio-blk {kind[4:]} depth {depth}, IOThread, above floor',
                       self.above_floor(**where, disk='virtio', emulator='ours', variant='ioeventfd'),
                       self.above_floor(**where, disk='virtio', emulator='debian'), share)
        for what in ('send', 'receive'):
            for size in (60, 1514):
                floor = self.value(measure='net', variant='floor', size=size)
                ours, other = (self.value(measure='net', emulator=emulator, variant=variant, what=what, size=size)
                               for emulator, variant in (('ours', 'ioeventfd'), ('debian', 'default')))
                known = None not in (floor, ours, other)
                yield (f'virtio-net {what} {size}, above floor', ours - floor if known else None, other - floor if known else None, 0.7)
        for what in ('write', 'read'):
            for test in ('mmio-latch', 'portio-latch'):
                where = {'measure': 'access', 'emulator': 'ours', 'kind': 'answered', 'what': what, 'test': test}
                yield (f'answered {what} ({test.split("-")[0]}), ring against socket',
                       self.value(**where, transport='ring'), self.value(**where, transport='socket'), 0.55)
        for front, what, ours, other, share in (
                ('kvm', 'posted write, home awake, against ioeventfd', 'posted-ring-awake', 'ioeventfd', 1.15),
                ('kvm', 'posted write, home asleep, against ioeventfd', 'posted-ring-asleep', 'ioeventfd', 1.15),
                ('kvm', 'posted write that wakes, against ioeventfd', 'posted-ring-waking', 'ioeventfd-waking', 1.15),
                ('kvm', 'answered read, ring against socket', 'answered-ring-mmio-read', 'answered-socket-mmio-read', 0.5),
                ('module', 'posted write, against an exit', 'posted-ring-awake', 'exit-mmio-write', 1.0),
                ('module', 'answered read, ring against socket', 'answered-ring-mmio-read', 'answered-socket-mmio-read', 0.5)):
            where = {'measure': 'channel', 'front': front}
            yield (f'{front}: {what}', self.value(**where, way=ours), self.value(**where, way=other), share)
        yield ('access of 16 vCPUs to 16 devices, against one\'s',
               self.value(measure='scaling', emulator='ours', vcpus=16),
               self.value(measure='scaling', emulator='ours', vcpus=1), 1.05)
        yield ('process start to first KVM_RUN', self.value(measure='start', emulator='ours'),
               self.value(measure='start', emulator='debian'), 0.15)

    def memory(self):
        for field, limit in (('dirty_kib', 5 * MIB), ('private_kib', 8 * MIB)):
            where = {'measure': 'memory', 'emulator': 'ours', 'variant': 'dbbuf'}
            other = {'measure': 'memory', 'emulator': 'debian'}
            yield field, self.value(field, **where), self.value(field, **other), limit


def number(value):
    return '-' if value is None else f'{value:,}'


def show(results):
    """Prints the tables; returns how many targets are missed or not measured."""
    missed = 0
    print(f'\n{"guest access, instructions":<52}{"write":>10}{"read":>10}')
    seen = []
    for row in results.rows:
        if row['measure'] != 'access' or 'error' in row:
            continue
        key = (row['emulator'], row['engine'], row['transport'], row['kind'], row['test'])
        if key in seen:
            continue
        seen.append(key)
        where = dict(zip(('emulator', 'engine', 'transport', 'kind', 'test'), key))
        name = ' '.join(word for word in key if word != '-')
        print(f'  {name:<50}{number(results.value(**where, what="write")):>10}'
              f'{number(results.value(**where, what="read")):>10}')
    print(f'\n{"guest access, ways of the kernel, instructions":<52}{"stock":>10}{"kvm":>10}{"module":>10}')
    for way in dict.fromkeys(row['way'] for row in results.rows if row['measure'] == 'channel' and 'way' in row):
        cells = [results.value(measure='channel', front=front, way=way) for front in ('none', 'kvm', 'module')]
        print(f'  {way:<50}' + ''.join(f'{number(cell):>10}' for cell in cells))
    print(f'\n{"4 KiB requests, instructions":<34}{"read 1":>10}{"read 32":>10}{"write 1":>10}{"write 32":>10}')
    for emulator, variant, disk in (('ours', 'dbbuf', 'nvme'), ('ours', 'trapped', 'nvme'), ('ours', 'module', 'nvme'),
                                    ('ours', 'kvm', 'nvme'), ('debian', 'default', 'nvme'),
                                    ('ours', 'ioeventfd', 'virtio'), ('ours', 'ioregionfd', 'virtio'),
                                    ('debian', 'iothread', 'virtio'), ('debian', 'floor', 'null')):
        where = {'measure': 'requests', 'emulator': emulator, 'variant': variant, 'disk': disk}
        cells = [results.value(**where, kind=kind, depth=depth) for kind in ('randread', 'randwrite') for depth in (1, 32)]
        name = f'null_blk in the guest: the floor' if disk == 'null' else f'{emulator} {disk} ({variant})'
        print(f'  {name:<32}' + ''.join(f'{number(cell):>10}' for cell in cells))
    print(f'\n{"frames, instructions":<34}{"send 60":>10}{"send 1514":>11}{"receive 60":>12}{"receive 1514":>14}')
    for emulator, variant in (('ours', 'ioeventfd'), ('ours', 'ioregionfd'), ('debian', 'default'), ('debian', 'floor')):
        cells = [results.value(measure='net', emulator=emulator, variant=variant, what=what if variant != 'floor' else 'send', size=size)
                 for what in ('send', 'receive') for size in (60, 1514)]
        name = 'veth in the guest: the floor' if variant == 'floor' else f'{emulator} virtio-net ({variant})'
        print(f'  {name:<32}' + ''.join(f'{number(cell):>{width}}' for cell, width in zip(cells, (10, 11, 12, 14))))
    print(f'\n{"accesses to memory that left KVM, for each request":<50}')
    for row in results.rows:
        if row['measure'] == 'exits':
            print(f'  {row["emulator"] + " " + row["disk"] + " (" + row["variant"] + ")":<48}{row["exits"] / max(row["requests"], 1):>12.3f}')
    print(f'\n{"target":<50}{"ours":>12}{"other":>14}{"share":>8}{"limit":>7}')
    for what, ours, other, limit in results.targets():
        share = ours / other if ours is not None and other else None
        good = share is not None and share <= limit
        missed += not good
        mark = '' if good else ('   not measured' if share is None else '   MISSED')
        print(f'  {what:<48}{number(ours):>12}{number(other):>14}'
              f'{"-" if share is None else f"{share:.2f}":>8}{limit:>7}{mark}')
    print(f'\n{"a home that polls, 2 CPUs: voluntary switches":<50}{"vCPU":>12}{"home":>14}{"none in":>15}')
    for row in results.rows:
        if row['measure'] != 'polling' or 'error' in row:
            continue
        good = row['vcpu'] + row['home'] == 0
        missed += not good
        name = f'{row["way"]}, {row["front"]}'
        print(f'  {name:<48}{row["vcpu"]:>12}{row["home"]:>14}{row["clean"]:>9} of {row["rounds"]}{"" if good else "   MISSED"}')
    print(f'\n{"memory beyond guest RAM, KiB":<50}{"ours":>12}{"debian":>14}{"":>8}{"limit":>7}')
    for field, ours, other, limit in results.memory():
        good = ours is not None and ours <= limit
        missed += not good
        mark = '' if good else ('   not measured' if ours is None else '   MISSED')
        name = {'dirty_kib': 'dirty', 'private_kib': 'all private'}[field]
        print(f'  {name:<48}{number(ours):>12}{number(other):>14}{"":>8}{limit:>7,}{mark}')
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='build', type=pathlib.Path)
    parser.add_argument('--emulator', type=pathlib.Path)
    parser.add_argument('--peer-only', action='store_true', help='measure Debian\'s emulator alone')
    parser.add_argument('--limit', type=int, default=2700, help='seconds for everything')
    parser.add_argument('--show', action='store_true', help='print the table of the last run')
    parser.add_argument('parts', nargs='*', help=f'of {", ".join(PARTS)}; all when none is given')
    options = parser.parse_args()
    build = options.build.resolve()
    folder = build / 'bench'
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / 'results.json'
    if options.show:
        show(Results(json.loads(target.read_text())['results']))
        return 0
    emulator = (options.emulator or build / 'qemu-system-x86_64').resolve()
    rows = []
    done = 0    # rows of the levels 1 before this one

    def on_line(line):
        if line.startswith('level 1: ready'):
            del rows[done:]     # of a level 1 that died
        if line.startswith('RESULT '):
            row = json.loads(line[7:])
            rows.append(row)
            target.write_text(json.dumps({'results': rows}, indent=1) + '\n')
            if 'error' in row:
                say('FAILED ' + json.dumps(row))
        else:
            say(line)

    try:
        if not options.peer_only and not emulator.exists():
            raise LabError(f'{emulator} does not exist: build it first')
        made = images.Images(build, say)
        command = ['/usr/bin/python3', str(HERE / 'inside.py'), '--peer', level1.peer(), '--lab', str(made.lab),
                   '--guest', str(build_guest(folder)), '--scaling-guest', str(build_scaling_guest(folder))]
        if not options.peer_only:
            command += ['--emulator', str(emulator)]
        parts = options.parts or list(PARTS)
        counted = [part for part in parts if part != 'polling']
        if 'net' in parts:
            command += ['--net', *map(str, build_net_guest(folder, made))]
        if {'engines', 'channels', 'polling'} & set(parts):
            program, changed, module = build_channels(folder, made)
            command += ['--channel', str(program), '--kvm', *map(str, changed), '--module', str(module)]
        results = []
        for chosen, icount in ((counted, True), ([part for part in parts if part == 'polling'], False)):
            if not chosen:
                continue
            say('booting level 1 with instruction counting; this takes some minutes' if icount else
                'booting level 1 with two CPUs')
            done = len(rows)
            results.append(level1.run_again(
                2, say, made, f'{shlex.join(command)} --folder "$OUT/logs" {" ".join(chosen)}',
                folder / ('run' if icount else 'run-polling'), options.limit, say, needs=[HERE, emulator], icount=icount,
                on_line=on_line))
    except (LabError, subprocess.SubprocessError) as error:
        print(f'bench: {error}', file=sys.stderr)
        return 1
    target.write_text(json.dumps({'results': rows}, indent=1) + '\n')
    missed = show(Results(rows))
    errors = [row for row in rows if 'error' in row]
    print(f'\nresults in {target}; {missed} targets missed or not measured, {len(errors)} measurements failed')
    trouble = [line for result in results for line in result.trouble]
    if trouble:
        print('level 1\'s kernel complains:\n  ' + '\n  '.join(trouble[:10]))
    return 1 if any(result.status != 0 for result in results) or errors or trouble else 0


if __name__ == '__main__':
    sys.exit(main())
