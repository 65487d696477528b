#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The measuring half of the bench: runs in level 1, whose clock counts instructions (1 ns is one).

Each measurement is one line on the standard output, "RESULT" and a JSON object; everything else tells progress. What cannot
be measured says why, in an "error" field.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'lab'))
sys.dont_write_bytecode = True

import images  # noqa: E402
import initramfs  # noqa: E402
import keep_vm  # noqa: E402
import kmod  # noqa: E402
from vm import Vm, VmError  # noqa: E402

RAM_MIB = 256
REQUESTS = {'nvme': 4000, 'virtio': 1500, 'null': 20000}
FRAMES = 16000
TAP = 'bench0'
SPIN_MAX_NS = '2000000'
DEBUG = pathlib.Path('/sys/kernel/debug/kvm')
TRACING = pathlib.Path('/sys/kernel/tracing')
IOTHREAD = ['-object', 'iothread,id=iot0,poll-max-ns=0']


def say(text):
    print(text, flush=True)


def tell(**fields):
    print('RESULT ' + json.dumps(fields), flush=True)


class Emulator:
    """One of the two emulators: what differs between them is here."""

    def __init__(self, name, path, ours):
        self.name = name
        self.path = str(path)
        self.ours = ours

    def machine(self, engine=None):
        return ['-machine', 'q35', '-accel', 'kvm' + (f',ioregionfd={engine}' if engine else ''), '-cpu', 'host', '-smp', '1', '-m', str(RAM_MIB), '-nodefaults']

    def nvme(self, image, variant):
        drive = ['-drive', f'file={image},if=none,id=d0,format=raw']
        if not self.ours:
            return drive + ['-device', 'nvme,drive=d0,serial=bench']
        more = '' if variant == 'dbbuf' else ',dbbuf=off'
        return IOTHREAD + ['-object', 'ioregionfd,id=ior0,iothread=iot0'] + drive + [
            '-device', f'nvme,drive=d0,serial=bench,ioregionfd=ior0{more}']


def virtio_disk(emulator, image, variant):
    """A virtio disk on an IOThread; ours with notifications by eventfd or by ioregionfd, the peer as it does it."""
    drive = ['-object', 'iothread,id=iot0,poll-max-ns=0', '-drive', f'file={image},if=none,id=d0,format=raw']
    more = f',notify={variant}' if emulator.ours else ''
    return drive + ['-device', f'virtio-blk-pci,drive=d0,iothread=iot0{more}']


def access_variants(emulator):
    """(engine, transport, kind, arguments) of each way that an access can take.

    What is carried to another thread goes to a pc-testdev: pci-testdev answers in the vCPU's thread and has its home already.
    """
    yield 'callback', '-', '-', ['-device', 'pci-testdev,id=tdev,addr=5']
    if not emulator.ours:
        return
    for transport in ('ring', 'socket'):
        for posted in ('off', 'on'):
            objects = []
            for region in ('pc-testdev-ioport', 'pc-testdev-iomem'):
                objects += ['-object', f'ioregionfd,id={region},iothread=iot0,device=tdev,region={region},'
                                       f'transport={transport},posted-writes={posted}']
            yield ('user', transport, 'posted' if posted == 'on' else 'answered',
                   IOTHREAD + ['-device', 'pc-testdev,id=tdev'] + objects)


def measure_access(emulator, guest, folder):
    for engine, transport, kind, arguments in access_variants(emulator):
        say(f'{emulator.name}: accesses, {engine} {transport} {kind}')
        where = {'measure': 'access', 'emulator': emulator.name, 'engine': engine, 'transport': transport, 'kind': kind}
        try:
            with Vm(emulator.path, folder / f'access-{emulator.name}-{engine}-{transport}-{kind}',
                    emulator.machine() + ['-kernel', str(guest), '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x4'] +
                    arguments, qmp=False) as vm:
                vm.wait_text('^ACCESS (end|no )', 120)
                if 'ACCESS no ' in vm.text():
                    raise VmError('the guest finds no device to test')
                for name, what, cost, counted in re.findall(r'^ACCESS (\S+) (write|read) (\d+) (\d+)', vm.text(), re.M):
                    tell(**where, test=name, what=what, instructions=int(cost), counted=int(counted))
        except VmError as error:
            tell(**where, error=str(error)[:600])


def measure_channels(program, front, modules, polling=False):
    """What each way of the kernel's costs: front none is KVM as it is, kvm the changed one, module an unchanged one with ioregionfd.ko.

    Polling: context switches beside a home that never sleeps."""
    say(f'ways of the kernel: {front}' + ', a home that polls' * polling)
    where = {'measure': 'polling' if polling else 'channel', 'front': front}
    try:
        if front == 'kvm':
            swap_kvm(modules)
        else:
            for module in modules:
                subprocess.run(['busybox', 'insmod', str(module)], check=True)
        if polling:
            # An answer takes longer than 50 us here: this machine's processors are emulated.
            pathlib.Path('/sys/module', 'kvm' if front == 'kvm' else 'ioregionfd', 'parameters/spin_max_ns').write_text(SPIN_MAX_NS)
        program = shutil.copy(program, 'channel')
        done = subprocess.run([f'./{program}', front] + ['polling'] * polling, capture_output=True, text=True, check=False,
                              timeout=300 if polling else 120)
        for way, cost, switches in re.findall(r'^CHANNEL (\S+) (\d+) (\d+)', done.stdout, re.M):
            tell(**where, way=way, instructions=int(cost), switches=int(switches))
        for way, *counts in re.findall(r'^POLLING (\S+) (\d+) (\d+) (\d+) (\d+)', done.stdout, re.M):
            tell(**where, way=way, **dict(zip(('vcpu', 'home', 'clean', 'rounds'), map(int, counts))))
        if not re.search(r'^(CHANNEL|POLLING) end', done.stdout, re.M):
            tell(**where, error=f'status {done.returncode}: {done.stderr[-400:]}')
    except (OSError, subprocess.SubprocessError) as error:
        tell(**where, error=str(error)[:600])


def measure_scaling(emulator, image, folder):
    """Instructions of an access while each vCPU works on a device of its own."""
    for count in (1, 16):
        say(f'{emulator.name}: {count} vCPUs on as many devices')
        where = {'measure': 'scaling', 'emulator': emulator.name, 'vcpus': count}
        devices = [word for i in range(count) for word in
                   ('-device', f'pci-testdev,addr=0x{4 + i // 8:x}.{i % 8},multifunction=on')]
        try:
            with Vm(emulator.path, folder / f'scaling-{emulator.name}-{count}',
                    ['-machine', 'q35', '-accel', 'kvm', '-cpu', 'host', '-m', '16', '-nodefaults', '-smp', str(count),
                     '-bios', str(image), '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'] + devices, qmp=False) as vm:
                vm.wait_text('^# ticks', 300)
                fields = dict(re.findall(r'^# (devices|accesses|ticks)\D*(\d+)', vm.text(), re.M))
                if int(fields['devices']) != count or re.search('^not ok', vm.text(), re.M):
                    raise VmError(f'the guest fails: {vm.text()[-400:]!r}')
                tell(**where, instructions=round(int(fields['ticks']) / int(fields['accesses'])))
        except (VmError, KeyError) as error:
            tell(**where, error=str(error)[:600])


def mmio_exits():
    """How often an access to memory ended KVM_RUN, in the VMs that there are; a VM that goes takes its count along."""
    if not DEBUG.exists():
        subprocess.run(['mount', '-t', 'debugfs', 'debugfs', '/sys/kernel/debug'], check=True)
    return int((DEBUG / 'mmio_exits').read_text())


def request_machine(emulator, variant, lab, disk, image, requests):
    """Arguments of a machine whose guest runs fio; variant kvm or module is an engine of ioregionfd's, with doorbells that trap."""
    engine = variant if variant in ('kvm', 'module') else 'user' if emulator.ours else None
    append = f'{images.GUEST_APPEND} lab.job=bench lab.args={disk},{requests}' + ' lab.disk=vda' * (disk == 'virtio')
    device = virtio_disk(emulator, image, variant) if disk == 'virtio' else emulator.nvme(image, variant)
    return emulator.machine(engine) + ['-kernel', str(lab['vmlinuz']), '-initrd', str(lab['guest']), '-append', append, '-no-shutdown'] + device


def loads_done(text, disk):
    """(kind, depth, requests, milliseconds) of each of fio's loads that the guest has told the end of."""
    for kind, depth, *fields in re.findall(rf'^BENCH {disk} (\S+) (\d+) (\d+);(\d+);(\d+);(\d+)$', text, re.M):
        kib, ms = map(int, fields[:2] if kind == 'randread' else fields[2:])
        yield kind, int(depth), kib // 4, ms


def measure_requests(emulator, variant, lab, disk, image, folder):
    """What requests cost; variant kvm or module is an engine of ioregionfd's, with doorbells that trap."""
    say(f'{emulator.name}: requests on {disk}, {variant}')
    where = {'measure': 'requests', 'emulator': emulator.name, 'variant': variant, 'disk': disk}
    arguments = request_machine(emulator, variant, lab, disk, image, REQUESTS[disk])
    try:
        with Vm(emulator.path, folder / f'requests-{emulator.name}-{variant}-{disk}', arguments) as vm:
            vm.wait_text('^BENCH idle', 400)
            if disk == 'nvme':
                tell(measure='memory', emulator=emulator.name, variant=variant, **private_memory(vm.child.pid))
            exits, requests = mmio_exits(), 0
            vm.wait_text('GUEST job bench ended with status 0', 900)
            exits = mmio_exits() - exits
            for kind, depth, count, ms in loads_done(vm.text(), disk):
                tell(**where, kind=kind, depth=depth, requests=count, milliseconds=ms, instructions=round(ms * 1e6 / count))
                requests += count
            # The module ends KVM_RUN itself: these accesses do not reach user space.
            if disk != 'null' and variant != 'module':
                tell(measure='exits', emulator=emulator.name, variant=variant, disk=disk, requests=requests, exits=exits)
    except (VmError, OSError, ZeroDivisionError, subprocess.SubprocessError) as error:
        tell(**where, error=str(error)[:600])


def net_card(emulator, variant):
    """A virtio card on a tap interface; ours in an IOThread, notified by eventfd or by ioregionfd."""
    netdev = ['-netdev', f'tap,id=n0,ifname={TAP},script=no,downscript=no,vhost=off']
    if not emulator.ours:
        return netdev + ['-device', 'virtio-net-pci,netdev=n0']
    home = ['-object', 'iothread,id=iot0,poll-max-ns=0']
    if variant == 'ioregionfd':
        return home + ['-object', 'ioregionfd,id=ior0,iothread=iot0'] + netdev + ['-device', 'virtio-net-pci,netdev=n0,ioregionfd=ior0']
    return home + netdev + ['-device', 'virtio-net-pci,netdev=n0,iothread=iot0']


def frames_over_card(emulator, variant, lab, program, initrd, folder):
    """(direction, size, nanoseconds, frames) of what a guest sent to a program of level 1's and received from it; floor: within the guest."""
    floor = variant == 'floor'
    append = f'{images.GUEST_APPEND} lab.job=net lab.disk=none lab.args={"floor" if floor else "card"},{FRAMES}'
    arguments = emulator.machine() + ['-kernel', str(lab['vmlinuz']), '-initrd', str(initrd), '-append', append]
    with Vm(emulator.path, folder, arguments + ([] if floor else net_card(emulator, variant))) as vm:
        vm.wait_text('^GUEST up', 400)
        if not floor:
            subprocess.run(['busybox', 'ip', 'link', 'set', TAP, 'up'], check=True)
            for size in (60, 1514):
                for what in ('receive', 'send'):
                    subprocess.run([str(program), what, TAP, str(FRAMES), str(size)], check=True, timeout=400, stdout=subprocess.DEVNULL)
        vm.wait_text('GUEST job net ended with status 0', 400)
        return re.findall(r'^NET (\w+) (\d+) (\d+) (\d+)$', vm.text(), re.M)


def measure_net(emulator, variant, lab, program, initrd, folder):
    """What a frame costs. Level 1's emulated SVM lets an interrupt into a guest that has them off, now and then: three attempts."""
    where = {'measure': 'net', 'emulator': emulator.name, 'variant': variant}
    for attempt in range(3):
        say(f'{emulator.name}: frames, {variant}')
        try:
            for what, size, ns, frames in frames_over_card(emulator, variant, lab, program, initrd,
                                                           folder / f'net-{emulator.name}-{variant}-{attempt}'):
                tell(**where, what=what, size=int(size), instructions=round(int(ns) / int(frames)), frames=int(frames))
            return
        except (VmError, OSError, subprocess.SubprocessError) as error:
            failure = str(error)[:600]
    tell(**where, error=failure)


def swap_kvm(modules):
    subprocess.run(kmod.unload_command(), shell=True, check=True)
    for module in modules:
        subprocess.run(['busybox', 'insmod', str(module)], check=True)
    subprocess.run(keep_vm.command('start'), shell=True, check=True)


def measure_engines(options, emulators, lab, image):
    """Doorbells that trap, with an engine in the kernel. Afterwards KVM is Debian's own again."""
    if 'requests' not in options.what:
        measure_requests(emulators[-1], 'default', lab, 'nvme', image, options.folder)
        measure_requests(emulators[-1], 'floor', lab, 'null', image, options.folder)
        measure_requests(emulators[0], 'dbbuf', lab, 'nvme', image, options.folder)
    subprocess.run(['busybox', 'insmod', str(options.module)], check=True)
    measure_requests(emulators[0], 'module', lab, 'nvme', image, options.folder)
    subprocess.run(['busybox', 'rmmod', 'ioregionfd'], check=True)
    swap_kvm(options.kvm)
    measure_requests(emulators[0], 'kvm', lab, 'nvme', image, options.folder)
    stock = next((options.lab / 'kernel').glob('lib/modules/*/kernel/arch/x86/kvm'))
    swap_kvm([stock / 'kvm.ko', stock / 'kvm-amd.ko'])


def private_memory(pid):
    """KiB of private memory of a process without the mappings that hold the guest's RAM."""
    dirty = clean = ram = size = 0
    is_ram = False
    for line in pathlib.Path(f'/proc/{pid}/smaps').read_text().splitlines():
        word = line.split()
        if re.match(r'[0-9a-f]+-[0-9a-f]+ ', line):
            low, high = (int(text, 16) for text in word[0].split('-'))
            size = (high - low) >> 10
            is_ram = size >= RAM_MIB * 1024 // 2
            ram += size if is_ram else 0
        elif word[0] == 'Private_Dirty:' and not is_ram:
            dirty += int(word[1])
        elif word[0] == 'Private_Clean:' and not is_ram:
            clean += int(word[1])
    return {'dirty_kib': dirty, 'private_kib': dirty + clean, 'guest_ram_kib': ram}


def staged(emulator):
    """A copy of an emulator with its libraries and data in memory: (program, arguments, environment).

    Waiting for the host's file server would count as time, as level 1's clock leaps to the next timer when it has nothing
    to do.
    """
    place = pathlib.Path(f'stage-{emulator.name}').resolve()
    libraries, modules, data = place / 'lib', place / 'modules', place / 'share'
    for folder in (libraries, modules, data):
        folder.mkdir(parents=True)
    program = place / 'emulator'
    shutil.copy(emulator.path, program)
    for name, source in initramfs.libraries(emulator.path).items():
        shutil.copy(source, libraries / pathlib.Path(name).name)
    for source in pathlib.Path('/usr/share').glob('qemu/*.bin'), pathlib.Path('/usr/share').glob('seabios/*.bin'):
        for path in source:
            shutil.copy(path, data / path.name)
    if not emulator.ours:
        for path in pathlib.Path('/usr/lib').glob('*/qemu/*.so'):
            shutil.copy(path, modules / path.name)
    environment = {'LD_LIBRARY_PATH': str(libraries), 'QEMU_MODULE_DIR': str(modules), 'LC_ALL': 'C'}
    return program, [] if emulator.ours else ['-L', str(data)], environment


def executed(trace, pid):
    """Nanoseconds from the exec of a process to the first entry into a guest: (executed instructions, the processor's idle).

    While it is idle the clock leaps to the next timer: that is waiting, not instructions. Level 1 has one processor here.
    """
    begin = idle_since = None
    idle = 0.0
    for line in trace.splitlines():
        found = re.search(r'\s(\d+\.\d+): (\w+)', line)
        if not found:
            continue
        now, event = float(found[1]), found[2]
        if event == 'sched_process_exec' and f'-{pid} ' in line:
            begin, idle, idle_since = now, 0.0, None
        elif event == 'sched_switch' and begin is not None:
            if idle_since is not None:
                idle += now - idle_since
            idle_since = now if re.search(r'==> next_comm=swapper/0 next_pid=0', line) else None
        elif event == 'kvm_entry' and begin is not None:
            return round((now - begin - idle) * 1e9), round(idle * 1e9)
    raise VmError(f'the trace shows no start: {trace[-500:]!r}')


def measure_start(emulator, image, guest, folder):
    """From exec to the first entry into the guest, by the kernel's own trace points; the best of some runs."""
    best = None
    guest = shutil.copy(guest, 'guest.elf')
    program, more, environment = staged(emulator)
    where = {'measure': 'start', 'emulator': emulator.name}
    try:
        for number in range(4):
            say(f'{emulator.name}: start {number + 1}')
            for name, text in (('tracing_on', '0'), ('trace', ''), ('trace_clock', 'mono'), ('set_event', ''),
                               ('set_event', 'sched:sched_process_exec sched:sched_switch kvm:kvm_entry')):
                (TRACING / name).write_text(text)
            (TRACING / 'tracing_on').write_text('1')
            arguments = more + emulator.machine() + ['-kernel', str(guest)] + emulator.nvme(image, 'dbbuf')
            with Vm(program, folder / f'start-{emulator.name}', arguments, qmp=False,
                    environment=environment) as vm:
                vm.wait_text('^ACCESS no pci-testdev', 60)
                (TRACING / 'tracing_on').write_text('0')
                pid = vm.child.pid
            took = executed((TRACING / 'trace').read_text(), pid)
            best = took if best is None else min(best, took)
        tell(**where, instructions=best[0], idle=best[1])
    except (VmError, OSError) as error:
        tell(**where, error=str(error)[:600])
    finally:
        (TRACING / 'set_event').write_text('')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--emulator', type=pathlib.Path)
    parser.add_argument('--peer', required=True, type=pathlib.Path)
    parser.add_argument('--lab', required=True, type=pathlib.Path)
    parser.add_argument('--guest', required=True, type=pathlib.Path)
    parser.add_argument('--scaling-guest', required=True, type=pathlib.Path)
    parser.add_argument('--folder', required=True, type=pathlib.Path)
    parser.add_argument('--net', nargs=2, type=pathlib.Path, help='netload, and what the guest with it boots from')
    parser.add_argument('--channel', type=pathlib.Path, help='program that measures the ways of the kernel')
    parser.add_argument('--kvm', type=pathlib.Path, nargs=2, help='the changed KVM: kvm.ko and kvm-amd.ko')
    parser.add_argument('--module', type=pathlib.Path, help='ioregionfd.ko')
    parser.add_argument('what', nargs='+')
    options = parser.parse_args()
    lab = {'vmlinuz': next((options.lab / 'kernel').glob('boot/vmlinuz-*')), 'guest': options.lab / 'guest.cpio'}
    image = pathlib.Path('disk.img').resolve()
    images.make_blank(image, 64)
    peer = Emulator('debian', options.peer, False)
    emulators = [peer]
    if options.emulator:
        emulators.insert(0, Emulator('ours', options.emulator, True))
    start = time.monotonic()
    if 'start' in options.what:
        for emulator in emulators:
            measure_start(emulator, image, options.guest, options.folder)
    if 'access' in options.what:
        for emulator in emulators:
            measure_access(emulator, options.guest, options.folder)
    if 'scaling' in options.what and emulators[0].ours:
        measure_scaling(emulators[0], options.scaling_guest, options.folder)
    if 'requests' in options.what:
        for emulator in emulators:
            for variant in ('dbbuf', 'trapped') if emulator.ours else ('default',):
                measure_requests(emulator, variant, lab, 'nvme', image, options.folder)
        measure_requests(peer, 'floor', lab, 'null', image, options.folder)
    if 'engines' in options.what:
        measure_engines(options, emulators, lab, image)
    if 'virtio' in options.what or 'requests' in options.what:
        for emulator in emulators:
            for variant in ('ioeventfd', 'ioregionfd') if emulator.ours else ('iothread',):
                measure_requests(emulator, variant, lab, 'virtio', image, options.folder)
        if 'requests' not in options.what:
            measure_requests(peer, 'floor', lab, 'null', image, options.folder)
    if 'net' in options.what:
        for emulator in emulators:
            for variant in ('ioeventfd', 'ioregionfd') if emulator.ours else ('default', 'floor'):
                measure_net(emulator, variant, lab, *options.net, options.folder)
    if 'polling' in options.what:
        measure_channels(options.channel, 'module', [options.module], polling=True)
        subprocess.run(['busybox', 'rmmod', 'ioregionfd'], check=False)
        measure_channels(options.channel, 'kvm', options.kvm, polling=True)
    if 'channels' in options.what:
        # Last: the KVM of the other parts is Debian's own.
        for front, modules in (('none', []), ('module', [options.module]), ('kvm', options.kvm)):
            if front == 'kvm':
                subprocess.run(['busybox', 'rmmod', 'ioregionfd'], check=False)
            measure_channels(options.channel, front, modules)
    tell(measure='whole', seconds=round(time.monotonic() - start), kernel=os.uname().release,
         peer=subprocess.run([peer.path, '--version'], capture_output=True, text=True,
                             check=False).stdout.splitlines()[0])
    return 0


if __name__ == '__main__':
    sys.exit(main())
