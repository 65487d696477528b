# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases about interrupt controllers and timers: Debian's kernel without what newer kernels rely on, in each irqchip mode."""

import os
import re
import socket
import time

import images
from vm import Vm, VmError

TICKS_ALONE = ('noapic nolapic acpi=off hpet=disable no-kvmclock tsc=unstable clocksource=jiffies')
# command line, vCPUs, what must be seen on the console, and what must not
KERNELS = {
    'plain': ('', 2, [r'irq .*IO-APIC'], []),
    'acpi=off': ('acpi=off', 2, [r'irq .*IO-APIC'], [r'acpi']),
    'ticks alone': (TICKS_ALONE, 1, [r'clock source jiffies', r'irq .*XT-PIC.*timer', r'irq .*XT-PIC.*nvme'], [r'IO-APIC']),
    'nox2apic': ('nox2apic', 2, [r'irq .*IO-APIC'], [r'Enabled x2apic|x2apic enabled']),
}
DRIFT = 0.001
ATTEMPTS = 3    # 10 ms too late at one end of ten seconds is too much already; a clock that is wrong is wrong each time


class Marks:
    """The guest's second serial port: when each line came."""

    def __init__(self, path):
        deadline = time.monotonic() + 60
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise VmError(f'serial port {path}: {error}') from error
                time.sleep(0.05)

    def read(self, count, limit, at_first):
        """Host and guest time of one of the first lines and one of the last: those that waited least on their way. Calls at_first
        at the beginning of both."""
        deadline = time.monotonic() + limit
        found = {'begin': [], 'end': []}
        data = b''
        while len(found['begin']) + len(found['end']) < 2 * count:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                more = self.socket.recv(4096)
            except TimeoutError as error:
                raise VmError(f'only {len(found["begin"])} and {len(found["end"])} marks within {limit} s') from error
            now = time.monotonic()
            if not more:
                raise VmError('the guest ended before it had said what time it is')
            data += more
            while b'\n' in data:
                line, data = data.split(b'\n', 1)
                match = re.search(rb'(begin|end) (\d+)\.(\d+)', line)
                if match:
                    if not found[match[1].decode()]:
                        at_first()
                    found[match[1].decode()].append((now, int(match[2]) + int(match[3]) / 10 ** len(match[3])))
        first = min(found['begin'], key=lambda mark: mark[0] - mark[1])
        last = min(found['end'], key=lambda mark: mark[0] - mark[1])
        return first, last


def one_guest(lab, folder, mode, name, seconds, machine='q35'):
    """Boots one kernel in one mode; returns how far its clock is off, as a share of the time."""
    words, cpus, wanted, unwanted = KERNELS[name]
    image = lab.scratch / 'clock.img'
    images.make_blank(image, 8)
    base = lab.machine('clock', [seconds], cpus=cpus)
    at = base.index('-append') + 1
    base[at] = f'{base[at]} {words}'.strip()
    base[base.index('-accel') + 1] += f',kernel-irqchip={mode}'
    base[base.index('-machine') + 1] = machine
    path = str(lab.scratch / 'marks')
    if os.path.exists(path):
        os.unlink(path)
    arguments = base + lab.disk(image) + ['-chardev', f'socket,id=marks,path={path},server=on,wait=off', '-serial', 'chardev:marks']
    with Vm(lab.emulator, folder, arguments) as vm:
        marks = Marks(path)
        lag = []    # seconds that the guest has not been told of yet, because it could not take so many ticks

        def note_lag():
            found = re.search(r'owed=(\d+) ticks period=(\d+)', vm.qmp.execute('human-monitor-command', command_line='info pit'))
            lag.append(int(found[1]) * int(found[2]) / 1e9 if found else 0)

        try:
            first, last = marks.read(30, lab.limit(90 + seconds), note_lag)
        except VmError as error:
            raise VmError(f'{error}; last of the console: {vm.text()[-800:]!r}') from error
        vm.wait_text(r'GUEST job clock ended with status 0', lab.limit(20))
        text = vm.text()
        off_limit = lab.limit(15)
        status = vm.wait_exit(off_limit) if 'acpi=off' not in words else vm.qmp.execute('quit') and None
        if status:
            raise VmError(f'the emulator ended with status {status}{vm.complaint()}')
    if 'GUEST disk is good' not in text:
        raise VmError('the guest did not say that its disk works')
    for pattern in wanted:
        if not re.search(pattern, text):
            raise VmError(f'nothing on the console matches {pattern!r}')
    for pattern in unwanted:
        if re.search(f'GUEST .*({pattern})', text):
            raise VmError(f'something on the console matches {pattern!r}')
    host, guest = last[0] - first[0], last[1] - first[1]
    drift = (guest + lag[1] - lag[0] - host) / host
    print(f'# {name}, kernel-irqchip={mode}, {machine}: {host:.1f} s, drift {drift * 100:+.4f} %, '
          f'ticks for {lag[1]:.2f} s are owed', flush=True)
    if lab.slow > 1 and mode == 'on' and 'jiffies' in words:
        # An emulated machine may not be fast enough for each tick, and KVM does not tell how many it owes.
        return 0
    return drift


def check(lab, folder, pairs, seconds):
    wrong = []
    for mode, name, machine in pairs:
        part = folder / f'{mode}-{name.replace(" ", "-")}-{machine}'
        for attempt in range(ATTEMPTS):
            try:
                drift = one_guest(lab, part, mode, name, seconds, machine)
            except VmError as error:
                wrong.append(f'{name}, kernel-irqchip={mode}, {machine}: {error}')
                break
            if abs(drift) < DRIFT:
                break
            if attempt == ATTEMPTS - 1:
                wrong.append(f'{name}, kernel-irqchip={mode}, {machine}: the clock is off by {drift * 100:+.3f} %')
    if wrong:
        raise VmError('\n'.join(wrong))


def legacy_irqchips(lab, folder):
    """old and new kernels in each irqchip mode reach their disk, and their clocks keep time"""
    if lab.soak:
        # Each kernel in each mode; the boards alternate, so that each mode and each kernel meets both.
        pairs = [(mode, name, ('q35', 'pc')[(row + column) % 2])
                 for row, mode in enumerate(('split', 'on', 'off')) for column, name in enumerate(KERNELS)]
        check(lab, folder, pairs, 60)
        return
    # Each mode and each board at least once; all other cases run the plain kernel.
    pairs = [('split', 'ticks alone', 'pc'), ('on', 'nox2apic', 'pc'), ('off', 'acpi=off', 'q35')]
    check(lab, folder, pairs, 10)
