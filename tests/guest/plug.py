#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Plugs and unplugs processors of a tiny guest on the host's KVM, with monitors and a debugger in the way.

    plug.py QEMU IMAGE ELF
"""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

import gdb
import run

ROUNDS = 20
CPU = {'driver': 'qemu64-x86_64-cpu', 'core-id': 0, 'thread-id': 0}


class Monitor(run.Qmp):
    """Commands whose answers are fetched later, and events."""

    def __init__(self, path):
        self.events = []
        super().__init__(path)

    def send(self, *commands):
        self.file.write(''.join(json.dumps({'execute': name, 'arguments': arguments}) + '\n'
                                for name, arguments in commands))
        self.file.flush()

    def answer(self):
        while True:
            reply = self.read()
            if 'event' not in reply:
                return reply
            self.events.append(reply['event'])

    def call(self, name, **arguments):
        self.send((name, arguments))
        reply = self.answer()
        if 'error' in reply:
            raise RuntimeError(f'{name}: {reply["error"]["desc"]}')
        return reply['return']

    def wait_event(self, name):
        while name not in self.events:
            self.events.append(self.read().get('event'))
        self.events.remove(name)


class Machine:
    def __init__(self, qemu, image, accel):
        self.folder = tempfile.TemporaryDirectory()
        self.serial = os.path.join(self.folder.name, 'serial')
        self.debugger = os.path.join(self.folder.name, 'gdb')
        path = os.path.join(self.folder.name, 'qmp')
        args = run.command(qemu, image, self.serial, [
            *accel, '-smp', '1,maxcpus=4,sockets=4', '-object', 'iothread,id=iot', '-qmp', f'unix:{path},server=on,wait=off',
            '-gdb', f'unix:{self.debugger},server=on,wait=off'])
        self.child = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.qmp = Monitor(path)

    def count(self, what):
        with open(self.serial, encoding='utf-8', errors='replace') as f:
            return len(re.findall(rf'^# {what}$', f.read(), re.MULTILINE))

    def wait(self, what, count, limit=run.LIMIT):
        end = time.monotonic() + limit
        while self.count(what) < count:
            if time.monotonic() > end:
                raise TimeoutError(f'the guest does not say "{what}" for the {count}. time')
            time.sleep(0.005)

    def add(self, n):
        before = self.count(f'came {n}')
        self.qmp.call('device_add', id=f'c{n}', **{'socket-id': n}, **CPU)
        self.wait(f'came {n}', before + 1)

    def delete(self, n):
        self.qmp.call('device_del', id=f'c{n}')
        self.qmp.wait_event('DEVICE_DELETED')

    def close(self):
        self.child.kill()
        said = self.child.communicate()[1].decode(errors='replace')
        self.folder.cleanup()
        return said


class Debugger:
    """As much of the remote protocol as is needed here."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(run.LIMIT)
        self.sock.connect(path)
        self.data = b''

    def send(self, text):
        self.sock.sendall(f'${text}#{sum(text.encode()) & 0xff:02x}'.encode())

    def receive(self):
        while True:
            found = re.search(rb'\$([^#]*)#..', self.data, re.DOTALL)
            if found:
                self.data = self.data[found.end():]
                self.sock.sendall(b'+')
                return found[1].decode()
            part = self.sock.recv(4096)
            if not part:
                raise EOFError('the stub closed its connection')
            self.data += part

    def command(self, text):
        self.send(text)
        return self.receive()

    def interrupt(self):
        self.sock.sendall(b'\x03')
        return self.receive()


def test_rounds(tap, vm, name):
    """Others look at the processor while it goes."""
    look = ('human-monitor-command', {'command-line': 'info registers -a'})
    for number in range(ROUNDS):
        vm.add(1 + number % 3)
        vm.qmp.send(('device_del', {'id': f'c{1 + number % 3}'}), *[look] * 20)
        for _ in range(21):
            reply = vm.qmp.answer()
            if 'error' in reply:
                raise RuntimeError(reply['error']['desc'])
        vm.qmp.wait_event('DEVICE_DELETED')
    tap.result(len(vm.qmp.call('query-cpus-fast')) == 1, f'{name}: {ROUNDS} processors come, are looked at, and go')


def test_stops(tap, vm, name):
    """Each command is answered, and in the end everything runs."""
    for number in range(ROUNDS):
        before = vm.count('came 1')
        add = ('device_add', {'id': 'c1', 'socket-id': 1, **CPU})
        vm.qmp.send(*[('stop', {}), add] if number % 2 else [add, ('stop', {})])
        for _ in range(2):
            vm.qmp.answer()
        vm.qmp.call('cont')
        vm.wait('came 1', before + 1)
        vm.delete(1)
    tap.result(vm.qmp.call('query-status')['running'], f'{name}: plugged around stops')


def test_failure(tap, vm, name):
    """What a device_add that fails has begun is undone, and its place is free."""
    came = vm.count('came 2')
    for _ in range(3):
        vm.qmp.call('object-add', id='ior', device='c2', region='none', iothread='iot', **{'qom-type': 'ioregionfd'})
        vm.qmp.send(('device_add', {'id': 'c2', 'socket-id': 2, **CPU}))
        reply = vm.qmp.answer()
        if 'error' not in reply:
            raise RuntimeError('device_add has no error')
        vm.qmp.call('object-del', id='ior')
    tap.result(len(vm.qmp.call('query-cpus-fast')) == 1 and vm.count('came 2') == came,
               f'{name}: of a device_add that fails nothing is left')
    vm.add(2)
    vm.delete(2)
    tap.result(True, f'{name}: the next one succeeds')


def test_unplug_of_a_stopped_one(tap, vm, name):
    """A system_reset takes what is to go along."""
    vm.add(3)
    vm.qmp.call('stop')
    vm.qmp.call('device_del', id='c3')
    vm.qmp.call('system_reset')
    vm.qmp.wait_event('DEVICE_DELETED')
    vm.qmp.call('cont')
    vm.add(3)
    vm.delete(3)
    tap.result(True, f'{name}: unplugged by a reset, plugged again')


def test_debugger(tap, vm, name, sym):
    """A processor that comes under a debugger stops where the others would, and stands when it is to."""
    dbg = Debugger(vm.debugger)
    dbg.command('?')
    ok = dbg.command(f'Z0,{sym["ap_work"]:x},1') == 'OK'
    dbg.send('vCont;c')
    vm.qmp.call('device_add', id='c1', **{'socket-id': 1}, **CPU)
    stop = dbg.receive()
    tap.result(ok and stop.startswith('T05thread:2'), f'{name}: a processor that comes meets breakpoints ({stop})')
    ok = dbg.command(f'z0,{sym["ap_work"]:x},1') == 'OK'
    dbg.send('vCont;c:1')
    before = vm.count('came 2')
    vm.qmp.call('device_add', id='c2', **{'socket-id': 2}, **CPU)
    time.sleep(0.5)
    held = vm.count('came 2') == before
    stop = dbg.interrupt()
    tap.result(ok and held, f'{name}: and stands while only another is to run ({stop})')
    dbg.send('vCont;c')
    vm.wait('came 2', before + 1)
    vm.delete(2)
    vm.delete(1)
    dbg.interrupt()
    dbg.send('D')  # its answer comes before the guest goes on
    end = time.monotonic() + 10
    while not vm.qmp.call('query-status')['running'] and time.monotonic() < end:
        pass
    vm.add(1)
    tap.result(vm.qmp.call('query-status')['running'], f'{name}: it runs when all do, and behind the debugger')


def main():
    qemu, image, elf = sys.argv[1:4]
    problem = run.kvm_problem()
    tap = run.Tap()
    if problem:
        print(f'1..0 # SKIP {problem}')
        return 0
    sym = gdb.symbols(elf)
    for name, accel in run.DIRECT:
        vm = Machine(qemu, image, accel)
        try:
            test_failure(tap, vm, name)
            test_rounds(tap, vm, name)
            test_stops(tap, vm, name)
            test_unplug_of_a_stopped_one(tap, vm, name)
            test_debugger(tap, vm, name, sym)
        except (OSError, EOFError, RuntimeError) as error:
            tap.result(False, f'{name}: {error!r}')
        finally:
            said = vm.close()
        if tap.bad:
            tap.note(said)
    print(f'1..{tap.n}')
    return 1 if tap.bad else 0


if __name__ == '__main__':
    sys.exit(main())
