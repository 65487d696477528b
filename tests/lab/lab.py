#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the lab's cases (cases.py) where Linux guests run on KVM: on this machine, or in level 1.

Writes TAP to the standard output; lines that begin with "# " tell how far it is.
"""

import argparse
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import cases  # noqa: E402
import images  # noqa: E402
import kmod  # noqa: E402
import kselftest  # noqa: E402
import level1  # noqa: E402
from kernel import LabError  # noqa: E402

ATTEMPTS = 3    # at a level 1 that its emulator kills


def say(text):
    print(f'# {text}', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='build', type=pathlib.Path)
    parser.add_argument('--soak', action='store_true', help='longer loads')
    parser.add_argument('--peer', action='store_true', help='the emulator is not ours: plain nvme device')
    parser.add_argument('--emulator', type=pathlib.Path, help='another emulator to test [BUILD/qemu-system-x86_64]')
    parser.add_argument('--limit', type=int, help='seconds for everything [3600, with --soak 14400]')
    parser.add_argument('--cpus', type=int, default=1, help='CPUs of level 1; its emulator is not safe with several')
    parser.add_argument('--engine', choices=('user', 'kvm', 'module'),
                        help='of ioregionfd; kvm is built and loaded in level 1 [the emulator\'s choice]')
    parser.add_argument('cases', nargs='*', help='names of cases; all when none is given')
    options = parser.parse_args()
    build = options.build.resolve()
    emulator = (options.emulator or build / 'qemu-system-x86_64').resolve()
    try:
        if not emulator.exists():
            raise LabError(f'{emulator} does not exist: build it first')
        made = images.Images(build, say)
        prepare, needs = kmod.engine_command(options.engine, made.lab, made.kernel, say)
    except (LabError, subprocess.SubprocessError) as error:
        print(f'Bail out! {error}')
        return 1
    # An engine in the kernel is tried in level 1 only: nothing is loaded on this machine.
    can_run_here = level1.hardware_kvm() and not prepare
    chosen = options.cases or [case.__name__ for case in cases.CASES
                               if not ((options.peer or options.engine) and case in cases.LEVEL1_CASES)
                               and (options.soak or case not in cases.SOAK_CASES)]
    own = [case.__name__ for case in cases.LEVEL1_CASES if case.__name__ in chosen]
    status = 0
    if can_run_here:
        say('this machine has hardware KVM: the guests run on it')
        folder = made.lab / 'run-lab'
        shutil.rmtree(folder, ignore_errors=True)
        here = [name for name in chosen if name not in own]
        if here:
            status = subprocess.run(command_for(sys.executable, made, options, emulator) + ['--folder', str(folder)] + here,
                                    check=False, stdin=subprocess.DEVNULL).returncode
        chosen = own
    if not chosen:
        return status
    say('the guests run in level 1')
    command = command_for('/usr/bin/python3', made, options, emulator)
    if own:
        try:
            modules = kselftest.Modules(made, False)
        except (LabError, subprocess.SubprocessError, OSError) as error:
            print(f'Bail out! {error}')
            return 1
        command += ['--load-module', modules.load('module'), '--load-kvm', modules.load('kvm')]
        needs = [*needs, made.lab]
    return in_level1(made, (prepare, command), options, [HERE, emulator, *needs], chosen) or status


def command_for(python, made, options, emulator):
    command = [python, str(HERE / 'cases.py'), '--emulator', str(emulator), '--lab', str(made.lab)]
    command += ['--soak'] * options.soak + ['--peer'] * options.peer
    return command + (['--engine', options.engine] if options.engine else [])


def in_level1(made, command, options, needs, left):
    """Runs the cases in level 1; again, those that are left, when level 1 dies of its emulator. The program's exit status."""
    limit = options.limit or (14400 if options.soak else 3600)
    done = []   # (went well, what the case is)
    current = None

    def on_line(line):
        nonlocal current
        begins = re.fullmatch(r'# (\w+) begins', line)
        told = re.fullmatch(r'(not )?ok \d+ - (.*)', line)
        current = begins[1] if begins else current
        if told:
            left.remove(current)
            done.append((not told[1], told[2]))
            line = f'{"not ok" if told[1] else "ok"} {len(done)} - {told[2]}'
        elif line.startswith('1..'):
            return
        print(line if told or line.startswith(('# ', 'Bail out!')) else f'# {line}', flush=True)

    for attempt in range(1, ATTEMPTS + 1):
        result = level1.run(made, command[0] + shlex.join(command[1] + ['--slow', '--folder']) + ' "$OUT/cases" ' + shlex.join(left),
                            made.lab / 'run-lab', limit, say, needs=needs, cpus=options.cpus, on_line=on_line)
        say(f'level 1 ran for {result.seconds:.0f} s')
        if not result.fault or not left or attempt == ATTEMPTS:
            break
        say(f'{result.fault}: not this project\'s doing; {len(left)} cases are left and run again')
    failed = [text for good, text in done if not good]
    if result.status is None:
        say(result.fault or f'level 1 did not end by itself within {limit} s')
    elif result.status != 0 and not failed:
        say(f'the cases ended with status {result.status}')
    good = result.status is not None and not left and (result.status == 0 or failed)
    reason = '' if good else f' (not so: {", ".join(left) or "the end"})'
    print(f'{"ok" if good else "not ok"} {len(done) + 1} - level 1 ran all cases and powered off{reason}')
    for line in result.trouble[:90]:
        say(line)
    print(f'{"not ok" if result.trouble else "ok"} {len(done) + 2} - {level1.healthy(result.trouble)}')
    print(f'1..{len(done) + 2}')
    return 0 if good and not failed and not result.trouble else 1


if __name__ == '__main__':
    sys.exit(main())
