#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the selftests of the kernel half (tests/kselftest/ioregionfd) in level 1. TAP on the standard output.

Builds both front ends for level 1's kernel, loads them there one after the other, and runs every test: each once a front end
with one of the channels that it is for, or with --soak all of them. What fails runs twice more, in a level 1 of its own, and has to pass
both times. Level 1's two processors take turns, as its emulator is not safe with a thread for each; but with --debug, where the kernel is the
one of debug_kernel.py, whose lock, RCU, address and leak checks watch, they run at the same time. Afterwards nothing may have leaked, and the
kernel's log may hold no complaint.

The modules are never loaded into this machine's own kernel.
"""

import argparse
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
CONTRIB = SOURCE / 'contrib/kvm-ioregionfd'
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(CONTRIB / 'kvm'))
sys.dont_write_bytecode = True

import debug_kernel  # noqa: E402
import images  # noqa: E402
import kmod  # noqa: E402
import level1  # noqa: E402
from kernel import LabError  # noqa: E402

PROGRAM = 'tests/kselftest/ioregionfd/ioregionfd-selftest'
CHANNELS = {'socket': 1, 'pipe': 2, 'file': 4, 'uring': 8, 'ring': 16, 'ring-sleep': 32, 'shadow': 64}
FRONTS = {'kvm': 1, 'module': 2}
LOADS = ['load-one-file', 'load-four-files']    # with --soak these run for a minute each, everything else that takes time for ten seconds
ATTEMPTS = 4    # at a level 1 that its emulator kills
DOUBTS = 4      # tests that may fail once
# Tests that make and destroy everything that there is; they run again between two looks at the kernel's allocations.
LEAK = {'file': ['vm-destroy', 'vcpu-close', 'close-in-flight', 'deassign-in-flight', 'deassign-queue', 'regions-4000', 'fork',
                 'process-killed', 'file-close-busy', 'fuzz-stream', 'set-shadow', 'set-bad-kind', 'two-vms', 'update',
                 'posted-full', 'datamatch'],
        'ring-sleep': ['vm-destroy', 'close-in-flight', 'ring-mmap', 'ring-unmap-in-flight', 'two-vms'],
        'socket': ['vm-destroy', 'close-in-flight', 'peer-death', 'fd-cycle', 'fd-passing', 'pair-shared'],
        'pipe': ['vm-destroy', 'close-in-flight', 'peer-death', 'pair-full', 'stream-garbage'],
        'shadow': ['shadow-store', 'shadow-unmapped']}
# Objects of one kernel cache that may have come to stay meanwhile, beside whole slabs, which the kernel counts as used where a processor
# holds them. The tests above make thousands of each kind.
DRIFT = 150
SLABS_HELD = 3
LOOKS = 3   # what leaks does so each time that the tests run
CACHES = r'kmalloc-|filp|sock_inode|skbuff|eventfd|mm_struct|task_struct|vm_area_struct|kvm_'

# One line "SLAB when name objects objects-in-a-slab" a cache. Shrinking empties the processors' own lists, whose objects count as used.
SLABS = f'''look() {{
    sleep 1
    for round in 1 2; do
        for cache in /sys/kernel/slab/*/shrink; do echo 1 >"$cache" 2>/dev/null; done
        sleep 1
    done
    awk -v what="$1" '/^({CACHES})/ {{ print "SLAB", what, $1, $2, $5 }}' /proc/slabinfo
    awk -v what="$1" '/ ior_|ioregion/ && !/load_module|module_alloc/ {{ n++ }} END {{ print "SLAB", what, "vmalloc", n + 0, 0 }}' /proc/vmallocinfo
}}
'''
KMEMLEAK = '''leaks=/sys/kernel/debug/kmemleak
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
sleep 6
echo scan >$leaks
sleep 6
echo scan >$leaks
cat $leaks | sed 's/^/LEAK /'
'''


def say(text):
    print(f'# {text}', flush=True)


class Modules:
    """What level 1 loads for each front end, built for one kernel."""

    def __init__(self, made, debug):
        self.kernel = made if debug else None
        if debug:
            headers, self.folder = made.tree, made.folder
            self.kvm = self._kvm(made.tree, headers, self.folder / 'kvm')
            self.stock = [made.module(name) for name in ('kvm', 'kvm_amd')]
        else:
            headers, self.folder = kmod.headers(made.lab, made.kernel, say), made.lab / 'kmod'
            self.kvm = kmod.kvm(made.lab, made.kernel, say)
        self.module = build_module(headers, self.folder / 'ioregionfd')

    @staticmethod
    def _kvm(source, headers, out):
        import build
        import hook
        say('building KVM with ioregionfd for this kernel')
        try:
            return build.build(source, headers, out)
        except hook.HookError as error:
            raise LabError(f'contrib/kvm-ioregionfd/kvm: {error}') from error

    def load(self, front):
        """Shell text; level 1 has begun with the stock KVM, and 'module' comes first."""
        if front == 'module':
            return f'busybox insmod {shlex.quote(str(self.module))}'
        return kmod.load_command(self.kvm)

    @staticmethod
    def unload(front):
        return 'busybox rmmod ioregionfd' if front == 'module' else kmod.unload_command()


def make_module(headers, out, *arguments):
    """Builds ioregionfd.ko; returns what was said."""
    clean = {name: value for name, value in os.environ.items() if name not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL')}
    done = subprocess.run(['make', '-C', str(CONTRIB), f'KDIR={headers}', f'OUT={out}', *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=600, env=clean)
    if done.returncode:
        raise LabError(f'ioregionfd.ko cannot be built:\n{done.stdout[-4000:]}')
    return done.stdout


def build_module(headers, out):
    say('building ioregionfd.ko')
    make_module(headers, out)
    return out / 'ioregionfd.ko'


def sparse(headers, folder):
    """What sparse has to say about the files of the kernel half: lines, none if it is clean."""
    if not shutil.which('sparse'):
        raise LabError('sparse is missing: scripts/install-packages.sh installs it')
    # Always from the beginning: what is up to date is not looked at.
    shutil.rmtree(folder, ignore_errors=True)
    text = make_module(headers, folder, 'C=2')
    # The kernel's own headers are not clean for sparse; what stands in the project's files counts.
    return [line for line in text.splitlines() if re.match(rf'{re.escape(str(folder))}/.*:\d+.*(warning|error):', line)]


def missing_tests(program):
    """Names in brackets in the specification that no test has."""
    text = (SOURCE / 'docs/specs/ioregionfd.rst').read_text()
    named = {name for group in re.findall(r'\[([a-z0-9][a-z0-9, -]*)\]', text) for name in re.split(r',\s*', group)}
    listing = subprocess.run([str(program), '--list'], check=True, capture_output=True, text=True).stdout
    return sorted(named - {line.split()[0] for line in listing.splitlines()})


class Plan:
    """Which tests run with which front end and channel."""

    def __init__(self, program, options):
        listing = subprocess.run([str(program), '--list'], check=True, capture_output=True, text=True).stdout
        self.program = program
        self.options = options
        self.left = {}     # (front, channel): names; in this order
        for front in ('module', 'kvm'):
            if options.front and front != options.front:
                continue
            for number, line in enumerate(listing.splitlines()):
                name, channels, fronts = line.split()
                if int(fronts) and not int(fronts) & FRONTS[front] or options.tests and name not in options.tests:
                    continue
                allowed = [channel for channel, bit in CHANNELS.items() if int(channels) & bit]
                if options.channel:
                    allowed = [channel for channel in allowed if channel == options.channel]
                    if not allowed and int(channels):
                        continue
                if not allowed:
                    chosen = ['file']
                elif options.soak:
                    chosen = allowed
                else:
                    # another one for the other front end: over all tests every pair of both occurs
                    chosen = [allowed[(number + 3 * (front == 'kvm')) % len(allowed)]]
                for channel in chosen:
                    self.left.setdefault((front, channel), []).append(name)

    def empty(self):
        return not any(self.left.values())

    def next(self):
        """What would have run next: mostly what level 1 died of."""
        return next((f'{names[0]} ({front}, {channel})' for (front, channel), names in self.left.items() if names), 'the end')

    def done(self, front, name):
        """A test has told its result."""
        for (group, _), names in self.left.items():
            if group == front and name in names and self.running == (group, _):
                names.remove(name)
                return

    def script(self, modules, leaks, seconds, slow):
        """Shell text that runs what is left (a name that is there twice, twice) and looks for leaks with the given front ends.

        seconds: a test's name to how long its load lasts.
        """
        lines = [SLABS]
        for front in ('module', 'kvm'):
            groups = {channel: names for (group, channel), names in self.left.items() if group == front and names}
            if not groups and front not in leaks:
                continue
            start = f'{shlex.quote(str(self.program))} --front {front} --slow {slow} --seconds'
            lines += [f'echo "FRONT {front}"', modules.load(front) + ' || { echo "BROKEN loading"; exit 1; }']
            for channel, names in groups.items():
                for length in dict.fromkeys(map(seconds, names)):
                    part = [name for name in names if seconds(name) == length]
                    for _ in range(part.count(part[0])):
                        lines += [f'echo "GROUP {front} {channel}"',
                                  f'{start} {length} --channel {channel} {shlex.join(dict.fromkeys(part))}']
            if front in leaks:
                lines += [f'echo "LEAKS {front}"', f'look {front}-0']
                for again in range(1, LOOKS):
                    lines += [f'{start} 1 --channel {channel} {shlex.join(names)} >/dev/null' for channel, names in LEAK.items()]
                    lines += [f'look {front}-{again}']
            lines += [modules.unload(front) + f' && echo "UNLOADED {front}" || echo "BROKEN unloading"']
        return '\n'.join(lines) + '\n'


class Run:
    """Reads what level 1 says and turns it into one stream of TAP."""

    def __init__(self, plan):
        self.plan = plan
        self.count = 0
        self.failed = 0
        self.slabs = {}
        self.slack = {}     # how much a cache may grow
        self.unloaded = []
        self.leaks = []
        self.doubtful = []  # (front, channel, name) of tests that failed, while again is False
        self.again = False
        plan.running = None

    def tell(self, good, text, directive=''):
        self.count += 1
        self.failed += not good
        print(f'{"ok" if good else "not ok"} {self.count} - {text}{directive}', flush=True)

    def line(self, line):
        told = re.fullmatch(r'(not )?ok \d+ - ((\S+) \((\w+).*?)( # SKIP.*)?', line)
        word = line.split()
        if told and self.plan.running:
            group = self.plan.running
            self.plan.done(told[4], told[3])
            if not told[1] or self.again or len(self.doubtful) == DOUBTS:
                self.tell(not told[1], told[2], told[5] or '')
            else:
                self.doubtful.append((*group, told[3]))
                say(f'failed: {told[2]}; runs again later')
        elif line.startswith('GROUP '):
            self.plan.running = (word[1], word[2])
            say(f'front end {word[1]}, channel {word[2]}')
        elif line.startswith('LEAKS '):
            self.plan.running = None
            say(f'front end {word[1]}: looking for leaks')
        elif line.startswith('SLAB '):
            self.slabs.setdefault(word[1], {})[word[2]] = int(word[3])
            self.slack[word[2]] = DRIFT + SLABS_HELD * int(word[4]) if int(word[4]) else 0
        elif line.startswith('UNLOADED '):
            self.unloaded.append(word[1])
        elif line.startswith('LEAK '):
            self.leaks.append(line[5:])
        elif not line.startswith('1..') and not told:
            say(line.lstrip('# '))

    def unlooked(self, fronts):
        """The front ends whose leaks were not looked for to the end."""
        return [front for front in fronts if f'{front}-{LOOKS - 1}' not in self.slabs or front not in self.unloaded]

    def leak_results(self, fronts):
        for front in fronts:
            looks = [self.slabs.get(f'{front}-{number}') for number in range(LOOKS)]
            if not all(looks):
                self.tell(False, f'leaks ({front}): the kernel\'s allocations could be counted')
                continue
            grown = {name: min(after.get(name, 0) - before.get(name, 0) for before, after in zip(looks, looks[1:]))
                     for name in looks[-1]}
            bad = [f'{name} +{more}' for name, more in sorted(grown.items()) if more > self.slack[name]]
            top = sorted(grown.items(), key=lambda item: -item[1])[:4]
            say(f'{front}: most grown are ' + ', '.join(f'{name} {more:+}' for name, more in top))
            if bad:
                say(f'{front}: {", ".join(bad)}')
            self.tell(not bad, f'leaks ({front}): no kernel cache has grown')
            self.tell(front in self.unloaded, f'leaks ({front}): its modules can be unloaded')


def load_seconds(options):
    """A function that tells for a test's name how long its load lasts."""
    if options.seconds or not options.soak or options.debug:
        return lambda name: options.seconds or 1
    return lambda name: 60 if name in LOADS else 10


def run(made, modules, plan, options):
    """Runs the plan in level 1, again when its emulator kills it. Returns the Run."""
    state = Run(plan)
    fronts = list(dict.fromkeys(front for front, _ in plan.left))
    leaks = fronts if not options.tests and not options.debug else []
    slow = 24 if options.debug else 8
    limit = options.limit or (3 * 3600 if options.soak or options.debug else 1500)
    # Loads that are to last want an emulator that lasts; with the kernel that watches, real concurrency matters more.
    in_turn = not options.debug
    program = pathlib.Path(plan.program)
    for attempt in range(1, ATTEMPTS + 1):
        script = plan.script(modules, state.unlooked(leaks), load_seconds(options), slow)
        if options.debug:
            script += KMEMLEAK
        result = level1.run(made, script, made.lab / ('run-kselftest-debug' if options.debug else 'run-kselftest'), limit, say,
                            needs=[HERE, program, modules.folder], memory=2048, in_turn=in_turn, on_line=state.line)
        say(f'level 1 ran for {result.seconds:.0f} s')
        if not result.fault or (plan.empty() and not state.unlooked(leaks)) or attempt == ATTEMPTS:
            break
        say(f'{result.fault}: not this project\'s doing; what is left is run again')
    troubles = result.trouble
    if state.doubtful and plan.empty():
        state.again = True
        for front, channel, name in state.doubtful:
            plan.left.setdefault((front, channel), []).extend([name, name])
        say(f'{len(state.doubtful)} tests failed and run twice more')
        script = plan.script(modules, [], load_seconds(options), slow)
        result = level1.run(made, script, made.lab / 'run-kselftest-again', limit, say, needs=[HERE, program, modules.folder],
                            memory=2048, in_turn=in_turn, on_line=state.line)
        troubles = troubles + result.trouble
    good = plan.empty() and result.status is not None
    state.tell(good, 'level 1 ran all selftests and powered off' + ('' if good else f' (not so: {plan.next()})'))
    if not plan.empty():
        for (front, channel), names in plan.left.items():
            if names:
                say(f'not run, {front} {channel}: {", ".join(names[:10])}{" ..." if len(names) > 10 else ""}')
    if leaks:
        state.leak_results(leaks)
    if options.debug:
        ours = [line for line in state.leaks if line.startswith('unreferenced')]
        for line in state.leaks[:60]:
            say(line)
        state.tell(not ours, 'kmemleak finds nothing')
    for line in troubles[:90]:
        say(line)
    state.tell(not troubles, level1.healthy(troubles))
    return state


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='build', type=pathlib.Path)
    parser.add_argument('--soak', action='store_true', help='every test with every channel that it is for, loads for a minute')
    parser.add_argument('--debug', action='store_true', help='with the kernel of debug_kernel.py')
    parser.add_argument('--front', choices=FRONTS)
    parser.add_argument('--channel', choices=CHANNELS)
    parser.add_argument('--seconds', type=int, help='how long loads last')
    parser.add_argument('--limit', type=int, help='seconds for everything')
    parser.add_argument('--no-sparse', action='store_true')
    parser.add_argument('tests', nargs='*', help='names of tests; all when none is given')
    options = parser.parse_args()
    build = options.build.resolve()
    program = build / PROGRAM
    try:
        if not program.exists():
            raise LabError(f'{program} does not exist: build it first')
        made = debug_kernel.DebugKernel(build / 'lab', say) if options.debug else images.Images(build, say)
        modules = Modules(made, options.debug)
        plan = Plan(program, options)
        state = run(made, modules, plan, options)
        if not options.debug and not options.no_sparse and not options.tests:
            complaints = sparse(kmod.headers(made.lab, made.kernel, say), modules.folder / 'sparse')
            for line in complaints[:30]:
                say(line)
            state.tell(not complaints, 'sparse has nothing to complain about')
            missing = missing_tests(program)
            if missing:
                say(f'named by the specification: {", ".join(missing)}')
            state.tell(not missing, 'every test that the specification names is there')
    except (LabError, subprocess.SubprocessError, OSError) as error:
        for line in str(error).splitlines()[-40:]:
            say(line)
        print(f'Bail out! {str(error).splitlines()[0]}')
        return 1
    print(f'1..{state.count}')
    return 1 if state.failed else 0


if __name__ == '__main__':
    sys.exit(main())
