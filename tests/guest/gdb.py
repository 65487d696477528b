#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Lets the real gdb debug a tiny guest on the host's KVM.

    gdb.py QEMU IMAGE ELF

The image is 32-bit code and the target an x86-64 processor, so gdb gets addresses instead of the symbol file.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

import run


def symbols(elf):
    text = subprocess.run(['nm', elf], capture_output=True, text=True, check=True).stdout
    return {line.split()[2]: int(line.split()[0], 16) for line in text.splitlines() if len(line.split()) == 3}


class Session:
    """One emulator, and one run of gdb over a list of commands."""

    def __init__(self, qemu, image, accel, stopped=True, cpus=2):
        self.folder = tempfile.TemporaryDirectory()
        self.socket = os.path.join(self.folder.name, 'gdb')
        args = run.command(qemu, image, os.path.join(self.folder.name, 'serial'),
                           [*accel, '-gdb', f'unix:{self.socket},server=on,wait=off'], cpus)
        self.child = subprocess.Popen([*args, *(['-S'] if stopped else [])], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not os.path.exists(self.socket) and self.child.poll() is None:
            pass

    def gdb(self, *commands, limit=run.LIMIT):
        words = ['gdb', '-nx', '-batch', '-ex', 'set pagination off', '-ex', 'set confirm off',
                 '-ex', 'set tcp connect-timeout 10', '-ex', f'target remote {self.socket}']
        for command in commands:
            words += ['-ex', command]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit,
                              check=False)
        return done.stdout + done.stderr

    def close(self):
        self.child.kill()
        said = self.child.communicate()[1].decode(errors='replace')
        self.folder.cleanup()
        return said


def value(text, name):
    found = re.search(rf'^{name} = (-?\w+)$', text, re.MULTILINE)
    return int(found[1], 0) if found else None


def show(name, expression):
    return f'printf "{name} = %#x\\n", (unsigned long)({expression})'


def test_breakpoints(tap, vm, sym):
    stop, counter = f'*{sym["stop_here"]:#x}', f'*(unsigned int *){sym["counter"]:#x}'
    text = vm.gdb('info registers rip', f'hbreak {stop}', 'continue', show('hard', '$rip'), 'delete', f'break {stop}',
                  'continue', show('soft', '$rip'), show('one', counter), 'continue', 'continue', show('three', counter),
                  f'x/1xb {sym["stop_here"]:#x}', 'delete', 'detach')
    tap.result('0xfff0' in text, 'the first stop is the reset vector')
    tap.result(value(text, 'hard') == sym['stop_here'], 'a hardware breakpoint is met')
    tap.result(value(text, 'soft') == sym['stop_here'], 'a breakpoint is met')
    one, three = value(text, 'one'), value(text, 'three')
    tap.result(one is not None and three == one + 2, 'each time around it is met once')
    if tap.bad:
        tap.note(text)


def test_steps(tap, vm, sym):
    text = vm.gdb(f'break *{sym["stop_here"]:#x}', 'continue', show('before', '$rip'), 'stepi', show('after', '$rip'),
                  'stepi', 'stepi', show('more', '$rip'), 'detach')
    before, after, more = (value(text, name) for name in ('before', 'after', 'more'))
    tap.result(before == sym['stop_here'] and before < after <= before + 15, 'stepi goes one instruction on')
    tap.result(more is not None and more != after, 'and on')
    if tap.bad:
        tap.note(text)


def test_watchpoints(tap, vm, sym):
    """Where KVM emulates instructions it may have no data breakpoints: GDB_WATCH=1 insists on them."""
    watched = f'*(unsigned int *){sym["watched"]:#x}'
    text = vm.gdb(f'hbreak *{sym["stop_here"]:#x}', 'continue', 'delete', show('old', watched), f'watch {watched}',
                  'continue', show('new', watched), show('at', '$rip'), 'delete', f'awatch {watched}', 'continue',
                  show('access', '$rip'), 'detach', limit=20)
    old, new = value(text, 'old'), value(text, 'new')
    tap.result(old is not None and new == old + 1, 'a watchpoint sees the write')
    end = sym['write_watched'] + 64
    tap.result(sym['write_watched'] < (value(text, 'at') or 0) < end, 'and stops behind it')
    tap.result(sym['write_watched'] < (value(text, 'access') or 0) < end, 'so does one for accesses')
    if tap.bad:
        tap.note(text)


def test_registers_and_memory(tap, vm, sym):
    text = vm.gdb(f'hbreak *{sym["stop_here"]:#x}', 'continue', 'set $rbx = 0x1234567', show('rbx', '$rbx'),
                  f'set *(unsigned int *){sym["own_breakpoints"]:#x} = 0xcafe',
                  show('memory', f'*(unsigned int *){sym["own_breakpoints"]:#x}'), show('cr0', '$cr0 & 1'),
                  show('cs', '$cs'), 'set $xmm3.v4i32[1] = 77', show('xmm', '$xmm3.v4i32[1]'),
                  'info registers mxcsr', 'x/4xb 0xfffffff0', 'x/1xb 0x123456789000',
                  'monitor info status', 'set $rip = $rip', 'detach')
    tap.result(value(text, 'rbx') == 0x1234567, 'a register is written')
    tap.result(value(text, 'memory') == 0xcafe, 'memory is written')
    tap.result(value(text, 'cr0') == 1 and value(text, 'cs') == 8, 'control registers and selectors are seen')
    tap.result(value(text, 'xmm') == 77 and re.search(r'mxcsr +0x', text) is not None, 'SSE registers, too')
    tap.result('0xfa' in text, 'the reset vector is read')
    tap.result('VM status: paused' in text, 'monitor runs commands')
    if tap.bad:
        tap.note(text)


def test_threads(tap, vm, sym):
    ap = f'*(unsigned int *){sym["ap_counter"]:#x}'
    stop = f'*{sym["stop_here"]:#x}'
    text = vm.gdb(f'hbreak {stop}', 'continue', 'continue', 'continue', 'info threads', show('first', ap), *['continue'] * 200,
                  show('second', ap), 'set scheduler-locking on', 'continue', 'continue', show('locked', ap), 'continue',
                  show('still', ap), 'thread 2', show('other', '$rip'), 'stepi', show('other_later', '$rip'), 'detach')
    tap.result('CPU#0' in text and 'CPU#1' in text, 'each vCPU is a thread')
    first, second = value(text, 'first'), value(text, 'second')
    tap.result(None not in (first, second) and second > first, 'the other one runs meanwhile')
    locked, still = value(text, 'locked'), value(text, 'still')
    tap.result(locked is not None and locked == still, 'and stands when it is to')
    tap.result(value(text, 'other') != value(text, 'other_later'), 'it can be stepped')
    if tap.bad:
        tap.note(text)


def test_interrupt_and_detach(tap, vm, sym):
    """The guest runs: the connection stops it, detach lets it go on."""
    counter = f'*(unsigned int *){sym["counter"]:#x}'
    first = value(vm.gdb(show('n', counter), 'detach'), 'n')
    time.sleep(1)
    second = value(vm.gdb(show('n', counter), 'detach'), 'n')
    tap.result(None not in (first, second) and second > first, 'detach lets the guest go on')
    text = vm.gdb(f'break *{sym["stop_here"]:#x}', show('n', counter), 'disconnect')
    third = value(vm.gdb('shell sleep 1', show('n', counter), 'detach'), 'n')
    tap.result(third is not None and third == value(text, 'n'), 'one that goes away leaves it stopped')
    if tap.bad:
        tap.note(f'{first} {second} {third} {text}')


def main():
    qemu, image, elf = sys.argv[1:4]
    problem = run.kvm_problem() or (None if shutil.which('gdb') else 'there is no gdb')
    tap = run.Tap()
    if problem:
        print(f'1..0 # SKIP {problem}')
        return 0
    sym = symbols(elf)
    for test in (test_breakpoints, test_steps, test_watchpoints, test_registers_and_memory, test_threads,
                 test_interrupt_and_detach):
        vm = Session(qemu, image, run.SPLIT, stopped=test is not test_interrupt_and_detach)
        try:
            test(tap, vm, sym)
        except subprocess.TimeoutExpired as error:
            if test is test_watchpoints and os.environ.get('GDB_WATCH') != '1':
                tap.result(True, 'watchpoints # SKIP this KVM never meets data breakpoints')
                continue
            tap.result(False, f'{test.__name__}: gdb ends')
            tap.note(((error.stdout or b'') + (error.stderr or b'')).decode(errors='replace'))
        finally:
            said = vm.close()
        if tap.bad:
            tap.note(said)
    print(f'1..{tap.n}')
    return 1 if tap.bad else 0


if __name__ == '__main__':
    sys.exit(main())
