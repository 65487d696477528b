#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the instructions of a request go: each function's share, in level 1's kernel, in KVM and in the emulator.

Level 1 runs as for "make bench", with a plugin in its own emulator that counts (hotspots.c). For each of fio's loads a table of the functions
that cost most, in instructions for each request; what the guest and other processes spend is one line. The load's own start and end are in it:
with more requests they count less.
"""

import argparse
import bisect
import collections
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lab'))
sys.dont_write_bytecode = True

import images  # noqa: E402
import kmod  # noqa: E402
import level1  # noqa: E402
from kernel import LabError  # noqa: E402

FUNCTION_MAX = 0x8000   # what lies further behind a symbol is none of its
DUMP = signal.SIGRTMIN + 7
VARIANTS = {'nvme': ('dbbuf', 'trapped', 'kvm'), 'virtio': ('ioeventfd', 'ioregionfd')}


class Symbols:
    """Addresses to (owner, function)."""

    def __init__(self, folder):
        kernel = []
        for line in (folder / 'kallsyms').read_text().splitlines():
            word = line.split()
            if word[1] in 'tTwW':
                kernel.append((int(word[0], 16), word[2], word[3].strip('[]') if len(word) > 3 else 'kernel'))
        self.kernel = sorted(kernel)
        self.starts = [entry[0] for entry in self.kernel]
        self.maps, self.bases, self.files = [], {}, {}
        for line in (folder / 'maps').read_text().splitlines():
            word = line.split()
            low, high = (int(text, 16) for text in word[0].split('-'))
            path = word[5] if len(word) > 5 else '?'
            self.bases.setdefault(path, low - int(word[2], 16))
            if 'x' in word[1]:
                self.maps.append((low, high, path))

    def of_file(self, path):
        if path not in self.files:
            found = set()
            for how in ([], ['-D']):
                listing = subprocess.run(['nm', *how, '--defined-only', path], capture_output=True, text=True, check=False).stdout
                found |= {(int(word[0], 16), word[2]) for word in map(str.split, listing.splitlines())
                          if len(word) == 3 and word[1] in 'tTwWi'}
            entries = sorted(found)
            self.files[path] = entries, [entry[0] for entry in entries]
        return self.files[path]

    def name(self, address):
        for low, high, path in self.maps:
            if low <= address < high:
                entries, starts = self.of_file(path)
                index = bisect.bisect(starts, address - self.bases[path]) - 1
                return pathlib.Path(path).name, entries[index][1] if index >= 0 else '?'
        index = bisect.bisect(self.starts, address) - 1
        if index >= 0 and address >= level1.KERNEL_TEXT and address - self.starts[index] < FUNCTION_MAX:
            return self.kernel[index][2], self.kernel[index][1]
        return 'guest, others', ''


def table(counts, symbols, requests, top):
    functions, owners = collections.Counter(), collections.Counter()
    for line in counts.read_text().splitlines():
        address, count = line.split()
        owner, function = symbols.name(int(address, 16))
        functions[owner, function] += int(count)
        owners[owner] += int(count)
    for owner, count in owners.most_common(8):
        print(f'{count / requests:12,.0f}  {owner}')
    print()
    for (owner, function), count in [entry for entry in functions.most_common(top + 1) if entry[0][1]][:top]:
        print(f'{count / requests:12,.1f}  {function} ({owner})')


class Counter:
    """The counting plugin of level 1's emulator."""

    def __init__(self, folder):
        self.out = folder / 'counts'
        for old in folder.glob('counts.*'):
            old.unlink()
        self.plugin = folder / 'hotspots.so'
        subprocess.run(['gcc', '-O2', '-shared', '-fPIC', '-o', str(self.plugin), str(HERE / 'hotspots.c')], check=True)
        self.child = None
        self.files = 0

    def arguments(self):
        return ['-plugin', f'file={self.plugin},out={self.out}']

    def started(self, child):
        self.child = child

    def take(self):
        """Has it write what it has counted since the last time; the file."""
        path = self.out.with_name(f'{self.out.name}.{self.files}')
        self.files += 1
        os.kill(self.child.pid, DUMP)
        deadline = time.monotonic() + 60
        while not path.exists():
            if time.monotonic() > deadline:
                raise LabError('level 1\'s emulator does not write its counts')
            time.sleep(0.05)
        return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='build', type=pathlib.Path)
    parser.add_argument('--peer', action='store_true', help='Debian\'s emulator')
    parser.add_argument('--requests', type=int, default=8000)
    parser.add_argument('--top', type=int, default=40, help='functions in a table')
    parser.add_argument('--limit', type=int, default=2400, help='seconds for everything')
    parser.add_argument('disk', choices=VARIANTS)
    parser.add_argument('variant', nargs='?', help='nvme: dbbuf, trapped, kvm; virtio: ioeventfd, ioregionfd; the first if it is not given')
    options = parser.parse_args()
    if options.peer and options.variant:
        parser.error(f'variant {options.variant}: Debian\'s emulator has none')
    options.variant = options.variant or VARIANTS[options.disk][0]
    if options.variant not in VARIANTS[options.disk]:
        parser.error(f'variant {options.variant}: {options.disk} has {", ".join(VARIANTS[options.disk])}')
    build = options.build.resolve()
    folder = build / 'bench/hotspots'
    folder.mkdir(parents=True, exist_ok=True)
    emulator = level1.peer() if options.peer else build / 'qemu-system-x86_64'
    loads = []

    def on_line(line):
        if not line.startswith('MARK '):
            print(f'# {line}', flush=True)
            return
        path = counter.take()
        if line != 'MARK begin':
            loads.append((*line.split()[1:], path))

    try:
        made = images.Images(build, print)
        command = ['/usr/bin/python3', str(HERE / 'hotspots_inside.py'), '--emulator', str(emulator), '--lab', str(made.lab)]
        command += ['--peer'] * options.peer
        if options.variant == 'kvm':
            command += ['--kvm', *map(str, kmod.kvm(made.lab, made.kernel, print))]
        counter = Counter(folder)
        result = level1.run(made, shlex.join(command + [options.disk, options.variant, str(options.requests)]), folder / 'run', options.limit,
                            print, needs=[HERE, emulator], icount=True, on_line=on_line, more=counter.arguments(), on_start=counter.started)
    except (LabError, subprocess.SubprocessError) as error:
        print(f'hotspots: {error}', file=sys.stderr)
        return 1
    symbols = Symbols(folder / 'run/out') if loads else None
    for kind, depth, requests, path in loads:
        print(f'\n{re.sub("^rand", "", kind)}, depth {depth}: instructions of a request')
        table(path, symbols, int(requests), options.top)
    return 0 if result.status == 0 and loads else 1


if __name__ == '__main__':
    sys.exit(main())
