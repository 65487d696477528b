#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a tiny guest on the host's KVM in each of its variants and passes its TAP lines on.

    run.py QEMU IMAGE NAME

A variant is a way to serve the same devices: directly, from an IOThread by a ring or a socket pair, with the
interrupt controllers in the kernel or split.  The guest must see no difference.
"""

import fcntl
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

KVM_CREATE_VM = 0xAE01
LIMIT = 60
SCALING_CPUS = 16
SOAK_ROUNDS = 5

LINE = re.compile(r'^(not ok|ok) (\d+) - (.*)$')


class Tap:
    """Renumbers the lines of several guests into one stream."""

    def __init__(self):
        self.n = 0
        self.bad = 0

    def result(self, ok, name):
        self.n += 1
        self.bad += not ok
        print(f'{"ok" if ok else "not ok"} {self.n} - {name}', flush=True)

    def note(self, text):
        for line in text.splitlines():
            print(f'# {line}', flush=True)


def kvm_problem():
    """Why KVM cannot be used here, or None."""
    try:
        fd = os.open('/dev/kvm', os.O_RDWR | os.O_CLOEXEC)
        os.close(fcntl.ioctl(fd, KVM_CREATE_VM, 0))
        os.close(fd)
    except OSError as e:
        return f'/dev/kvm: {e.strerror}'
    return None


def moved(transport, posted=True):
    """Options that move both regions of the test device to an IOThread."""
    common = f'iothread=iot0,device=td0,transport={transport},posted-writes={"on" if posted else "off"}'
    return ['-object', 'iothread,id=iot0',
            '-object', f'ioregionfd,id=ior0,region=pc-testdev-iomem,{common}',
            '-object', f'ioregionfd,id=ior1,region=pc-testdev-ioport,{common}']


def moved_each(count):
    """Options that move the memory of each of the scaling guest's devices to an IOThread of its own."""
    return [x for i in range(count) for x in
            ('-object', f'iothread,id=iot{i}',
             '-object', f'ioregionfd,id=ior{i},iothread=iot{i},device=t{i},region=pci-testdev-mmio')]


SPLIT = ['-accel', 'kvm,kernel-irqchip=split']
ON = ['-accel', 'kvm,kernel-irqchip=on']
OFF = ['-accel', 'kvm,kernel-irqchip=off']
DIRECT = [('irqchip in the kernel', ON), ('split irqchip', SPLIT), ('irqchip outside', OFF)]
MOVED = [('IOThread, ring', ON + moved('ring')),
         ('IOThread, socket', ON + moved('socket')),
         ('IOThread, ring, no posted writes', ON + moved('ring', False)),
         ('IOThread, ring, split irqchip', SPLIT + moved('ring'))]
RNG = ['-global', 'virtio-mmio.force-legacy=false', '-device', 'virtio-rng-device']
RNG_MOVED = ['-object', 'iothread,id=iot0', '-object', 'ioregionfd,id=ior0,iothread=iot0',
             '-global', 'virtio-mmio.force-legacy=false', '-device', 'virtio-rng-device,ioregionfd=ior0']
MICROVM = [('microvm, irqchip in the kernel', ['-machine', 'microvm', *ON, *RNG]),
           ('microvm, split irqchip, ioregionfd', ['-machine', 'microvm', *SPLIT, *RNG_MOVED]),
           ('microvm, irqchip outside, no PIC and PIT', ['-machine', 'microvm,pic=off,pit=off', *OFF, *RNG]),
           ('microvm, two I/O APICs', ['-machine', 'microvm,ioapic2=on', *SPLIT, *RNG_MOVED]),
           ('microvm, two I/O APICs outside', ['-machine', 'microvm,ioapic2=on', *OFF, *RNG])]
def nvme(*device):
    """Options of a disk at home in an IOThread, which goes on when the main loop does not."""
    return [*ON, '-object', 'iothread,id=iot0', '-blockdev', 'driver=null-co,node-name=d0,size=1M,read-zeroes=on',
            *device[:-1], '-device', f'nvme,drive=d0,serial=x,{device[-1]}']


NVME = [('IOThread', nvme('iothread=iot0')),
        ('ioregionfd, socket', nvme('-object', 'ioregionfd,id=ior0,iothread=iot0,transport=socket', 'ioregionfd=ior0')),
        ('IOThread, stored heads', nvme('iothread=iot0,post-write=on')),
        ('IOThread, heads by the region', nvme('iothread=iot0,post-write=off')),
        ('IOThread, no eventfds', nvme('iothread=iot0,post-write=off,ioeventfd=off'))]
VARIANTS = {'access': DIRECT + MOVED, 'smp': DIRECT + MOVED, 'irq': DIRECT, 'irqchip': DIRECT, 'reset': DIRECT,
            'mmio': MICROVM, 'nvme': NVME}
BUSY = ['nvme']


def command(qemu, image, serial, options, cpus=2):
    machine = [] if '-machine' in options else ['-machine', 'q35']
    return [qemu, '-nodefaults', '-no-user-config', '-display', 'none', *machine, '-m', '16',
            '-smp', str(cpus), '-bios', image, '-serial', f'file:{serial}',
            '-device', 'isa-debug-exit,iobase=0xf4,iosize=4', *options]


def read_guest(tap, variant, text):
    """Passes a guest's lines on; returns whether all that its plan promised came."""
    planned, seen = None, 0
    for line in text.splitlines():
        line = line.strip()
        found = LINE.match(line)
        if found:
            seen += 1
            tap.result(found[1] == 'ok', f'{variant}: {found[3]}')
        elif line.startswith('1..'):
            planned = int(line[3:]) if planned is None else -1  # twice: it restarted unasked
        elif line.startswith('#'):
            tap.note(f'{variant}: {line[1:].strip()}')
    return planned == seen


def keep_busy(path):
    """Gives the main loop work until the emulator goes."""
    try:
        qmp = Qmp(path)
        while True:
            qmp.call('query-qmp-schema')
    except (OSError, EOFError, ValueError):
        pass


def run_variant(tap, qemu, image, variant, options, busy=False):
    with tempfile.NamedTemporaryFile('r', errors='replace') as serial, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'qmp')
        args = command(qemu, image, serial.name, ['-device', 'pc-testdev,id=td0', *options])
        if busy:
            args += ['-qmp', f'unix:{path},server=on,wait=off']
            threading.Thread(target=keep_busy, args=[path], daemon=True).start()
        try:
            done = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=LIMIT, check=False)
            said, status = done.stdout, done.returncode
        except subprocess.TimeoutExpired as e:
            said, status = e.stdout or b'', f'none after {LIMIT} s'
        complete = read_guest(tap, variant, serial.read())
    tap.result(complete and status == 1, f'{variant}: the guest runs to its end')
    if not complete or status != 1:
        tap.note(f'exit status {status}, command {" ".join(args)}')
        tap.note(said.decode(errors='replace'))


class Qmp:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.sock.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        self.file = self.sock.makefile('rw')
        self.read()
        self.call('qmp_capabilities')

    def read(self):
        line = self.file.readline()
        if not line:
            raise EOFError('the emulator closed its monitor')
        return json.loads(line)

    def call(self, name, **arguments):
        self.file.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        self.file.flush()
        while True:
            reply = self.read()
            if 'event' not in reply:
                return reply['return']

    def wait_event(self, name):
        while self.read().get('event') != name:
            pass

    def contention(self):
        text = self.call('human-monitor-command', **{'command-line': 'info lock-contention'})
        return int(re.search(r'\d+', text)[0])


def run_scaling(tap, qemu, image, variant, options, cpus):
    """The counter of contended locks before and after the guest's work."""
    with tempfile.TemporaryDirectory() as folder:
        path, serial = os.path.join(folder, 'qmp'), os.path.join(folder, 'serial')
        devices = [x for i in range(cpus) for x in
                   ('-device', f'pci-testdev,id=t{i},addr=0x{4 + i // 8:x}.{i % 8},multifunction=on')]
        args = command(qemu, image, serial, [*devices, *options, '-S', '-no-shutdown',
                                             '-qmp', f'unix:{path},server=on,wait=off'], cpus)
        vm = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
        error = None
        try:
            qmp = Qmp(path)
            before = qmp.contention()
            qmp.call('cont')
            qmp.wait_event('SHUTDOWN')
            after = qmp.contention()
            qmp.call('quit')
            vm.wait(10)
        except (OSError, EOFError, KeyError, TypeError, subprocess.TimeoutExpired) as e:
            error = repr(e)
        vm.kill()
        err = vm.communicate()[1].decode(errors='replace')
        text = ''
        if os.path.exists(serial):
            with open(serial, encoding='utf-8', errors='replace') as f:
                text = f.read()
        complete = read_guest(tap, variant, text)
        tap.result(complete and error is None, f'{variant}: the guest runs to its end')
        if error:
            tap.note(f'{error}\ncommand {" ".join(args)}\n{err}')
            return
        tap.result(after == before, f'{variant}: no lock is contended')
        if after != before:
            tap.note(f'{after - before} contended acquisitions')


def main():
    qemu, image, name = sys.argv[1:4]
    problem = kvm_problem()
    tap = Tap()
    if problem:
        print(f'1..0 # SKIP {problem}')
        return 0
    if name == 'scaling':
        for cpus in (1, SCALING_CPUS):
            run_scaling(tap, qemu, image, f'{cpus} vCPUs', ON, cpus)
        run_scaling(tap, qemu, image, '4 vCPUs, an IOThread each', ON + moved_each(4), 4)
    else:
        for again in range(SOAK_ROUNDS if os.environ.get('SOAK', '0') not in ('', '0') else 1):
            for variant, options in VARIANTS[name]:
                run_variant(tap, qemu, image, f'{variant}, again {again}' if again else variant, options,
                            name in BUSY)
    print(f'1..{tap.n}')
    return 1 if tap.bad else 0


if __name__ == '__main__':
    sys.exit(main())
