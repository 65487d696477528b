#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""SeaBIOS boots from each kind of disk, on the host's KVM.

    boot.py QEMU

The boot sector is made here.  It reads the sector behind it through the firmware and writes what that says to the first
serial port, so that a line on the port shows that the firmware found the disk, started from it, and can read it.
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

import run

# SeaBIOS waits for the floppy with STI, NOP, CLI in a row, and this KVM delivers no interrupt between them.  Elsewhere,
# as in the lab, a time-out is a failure.
NO_SHORT_WINDOWS = os.path.exists('/sys/module/kvm_pvm')

SECTOR, CD_SECTOR = 512, 2048
GREETING = b'read through the firmware'

# print: writes the string at SI to the serial port
PRINT = bytes.fromhex('bafd03 ec a820 74fb baf803 ac 84c0 7403 ee ebed c3'.replace(' ', ''))


def assemble(body):
    """Code at 0x7c00; body gets the address of print."""
    start = bytes.fromhex('31c0 8ed8 8ec0 8ed0 bc007c fc'.replace(' ', ''))  # segments 0, stack below
    code_at = 0x7c00 + len(start) + 3
    jump = b'\xe9' + struct.pack('<h', len(PRINT))  # over print
    return start + jump + PRINT + body(code_at, code_at + len(PRINT))


def call(here, target):
    return b'\xe8' + struct.pack('<h', target - here - 3)


def leave():
    return bytes.fromhex('b000 e6f4 f4 ebfd'.replace(' ', ''))  # isa-debug-exit with 0, then halt


def disk_sector():
    """INT 13h, function 2: sector 2 of the boot drive to 0x7e00, and print it."""
    def body(print_at, here):
        read = bytes.fromhex('b80102 bb007e b90200 b600 cd13 be007e'.replace(' ', ''))
        return read + call(here + len(read), print_at) + leave()
    return assemble(body).ljust(SECTOR - 2, b'\0') + b'\x55\xaa'


def cd_image():
    """A CD with El Torito's boot record; its no-emulation image is four virtual sectors, the message in the last."""
    def body(print_at, here):
        move = b'\xbe' + struct.pack('<H', 0x7c00 + 3 * SECTOR)
        return move + call(here + len(move), print_at) + leave()
    image = assemble(body).ljust(3 * SECTOR, b'\0') + (GREETING + b'\n\0').ljust(SECTOR, b'\0')
    primary = bytearray(CD_SECTOR)
    primary[0:7] = b'\x01CD001\x01'
    primary[80:88] = struct.pack('<I', 32) + struct.pack('>I', 32)
    record = bytearray(CD_SECTOR)
    record[0:7] = b'\x00CD001\x01'
    record[7:39] = b'EL TORITO SPECIFICATION'.ljust(32, b'\0')
    record[71:75] = struct.pack('<I', 19)
    end = bytearray(CD_SECTOR)
    end[0:7] = b'\xffCD001\x01'
    validation = bytearray(struct.pack('<BBH24sHBB', 1, 0, 0, b'test', 0, 0x55, 0xaa))
    total = sum(struct.unpack('<16H', validation)) & 0xffff
    validation[28:30] = struct.pack('<H', -total & 0xffff)
    entry = struct.pack('<BBHBBHI', 0x88, 0, 0, 0, 0, 4, 20).ljust(32, b'\0')
    catalog = (bytes(validation) + entry).ljust(CD_SECTOR, b'\0')
    cd = bytes(16 * CD_SECTOR) + bytes(primary) + bytes(record) + bytes(end) + catalog + image.ljust(CD_SECTOR, b'\0')
    return cd.ljust(32 * CD_SECTOR, b'\0')


def hard_disk():
    sector = bytearray(disk_sector())
    sector[446:462] = struct.pack('<B3sB3sII', 0x80, b'\0\2\0', 0x83, b'\0\2\0', 1, 2000)  # one partition
    return (bytes(sector) + (GREETING + b'\n\0').ljust(SECTOR, b'\0')).ljust(1 << 20, b'\0')


def drive(path, *device, bus=()):
    return ['-blockdev', f'driver=raw,node-name=d,file.driver=file,file.filename={path}', *bus,
            '-device', ','.join((*device, 'drive=d', 'bootindex=1'))]


def floppy():
    return (disk_sector() + (GREETING + b'\n\0').ljust(SECTOR, b'\0')).ljust(1440 << 10, b'\0')


CASES = [
    ('floppy on pc', 'pc', 'floppy', lambda p: ['-drive', f'if=floppy,format=raw,file={p}', '-boot', 'a']),
    ('floppy by bootindex on q35', 'q35', 'floppy', lambda p: [
        '-blockdev', f'driver=raw,node-name=d,file.driver=file,file.filename={p}',
        '-device', 'isa-fdc,bootindexA=1', '-device', 'floppy,drive=d']),
    ('IDE disk on pc', 'pc', 'disk', lambda p: drive(p, 'ide-hd', 'bus=ide.0')),
    ('SATA disk on q35', 'q35', 'disk', lambda p: drive(p, 'ide-hd', 'bus=ide.0')),
    ('NVMe disk on q35', 'q35', 'disk', lambda p: drive(p, 'nvme', 'serial=s')),
    ('virtio disk on pc', 'pc', 'disk', lambda p: drive(p, 'virtio-blk-pci')),
    ('modern virtio disk on q35', 'q35', 'disk', lambda p: drive(p, 'virtio-blk-pci', 'disable-legacy=on')),
    ('IDE CD on pc', 'pc', 'cd', lambda p: drive(p, 'ide-cd', 'bus=ide.1')),
    ('SATA CD on q35', 'q35', 'cd', lambda p: drive(p, 'ide-cd', 'bus=ide.2')),
]


class Boot:
    """One emulator with SeaBIOS; what the guest says on its serial port, and SeaBIOS on its debug port."""

    def __init__(self, qemu, machine, options, qmp=False):
        self.folder = tempfile.TemporaryDirectory()
        self.serial, self.log = (os.path.join(self.folder.name, name) for name in ('serial', 'seabios'))
        self.socket = os.path.join(self.folder.name, 'qmp')
        args = [qemu, '-nodefaults', '-no-user-config', '-display', 'none', '-machine', machine, '-accel', 'kvm', '-m', '64',
                '-serial', f'file:{self.serial}', '-debugcon', f'file:{self.log}',
                '-global', 'isa-debugcon.iobase=0x402', '-device', 'isa-debug-exit,iobase=0xf4', *options]
        if qmp:
            args += ['-qmp', f'unix:{self.socket},server=on,wait=off']
        self.child = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.qmp = run.Qmp(self.socket) if qmp else None

    def text(self, path):
        with open(path, 'rb') as f:
            return f.read().decode(errors='replace')

    def wait(self, path, words, limit=45):
        """Until a file holds words; false when the emulator ended or time is up."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            ended = self.child.poll() is not None
            if os.path.exists(path) and words in self.text(path):
                return True
            if ended:
                return False
            time.sleep(0.05)
        return False

    def close(self):
        self.child.kill()
        said = self.child.communicate()[1].decode(errors='replace')
        log = self.text(self.log) if os.path.exists(self.log) else ''
        self.folder.cleanup()
        return said + log[-1500:]


def test_disks(tap, qemu, images):
    for name, machine, kind, options in CASES:
        vm = Boot(qemu, machine, options(images[kind]))
        good = vm.wait(vm.serial, GREETING.decode())
        parsed = os.path.exists(vm.log) and 'DSDT' in vm.text(vm.log) and 'parse error' not in vm.text(vm.log)
        said = vm.close()
        if not good and NO_SHORT_WINDOWS and 'Timeout at floppy_wait_irq' in said:
            tap.result(True, f'SeaBIOS boots from: {name} # SKIP kvm_pvm takes no interrupt in so short a time')
            good = True
        else:
            tap.result(good, f'SeaBIOS boots from: {name}')
        tap.result(parsed, f'and understands the DSDT of {machine}')
        if not good or not parsed:
            tap.note(said)


def test_keyboard(tap, qemu, images):
    """Escape opens SeaBIOS's menu, a digit chooses: the second disk, whose sector writes its greeting."""
    options = ['-boot', 'menu=on,splash-time=5000',
               '-drive', f'file={images["empty"]},format=raw', '-drive', f'file={images["disk"]},format=raw']
    for machine in ('pc', 'q35'):
        vm = Boot(qemu, machine, options, qmp=True)
        good = vm.wait(vm.log, 'Press ESC')
        vm.qmp.call('send-key', keys=[{'type': 'qcode', 'data': 'esc'}])
        good = vm.wait(vm.log, '2. ') and good
        vm.qmp.call('send-key', keys=[{'type': 'qcode', 'data': '2'}])
        good = vm.wait(vm.serial, GREETING.decode()) and good
        said = vm.close()
        tap.result(good, f'keys choose in SeaBIOS\'s boot menu on {machine}')
        if not good:
            tap.note(said)


def loader_result(tap, name, good, said):
    """A KVM that emulates instructions does not know all of them."""
    if not good and 'KVM cannot emulate the instruction' in said:
        tap.result(True, f'{name} # SKIP this KVM cannot emulate what it does')
        return
    tap.result(good, f'{name} reaches its prompt')
    if not good:
        tap.note(said)


def test_isolinux(tap, qemu, folder):
    """ISOLINUX from Debian's package reaches its prompt on the serial port."""
    isolinux, modules = '/usr/lib/ISOLINUX/isolinux.bin', '/usr/lib/syslinux/modules/bios/ldlinux.c32'
    if not (os.path.exists(isolinux) and os.path.exists(modules) and shutil.which('xorriso')):
        tap.result(True, 'ISOLINUX # SKIP isolinux, syslinux-common or xorriso is not installed')
        return
    tree, iso = os.path.join(folder, 'iso'), os.path.join(folder, 'isolinux.iso')
    os.mkdir(tree)
    for path in (isolinux, modules):
        shutil.copy(path, tree)
    with open(os.path.join(tree, 'isolinux.cfg'), 'w', encoding='ascii') as f:
        f.write('SERIAL 0 115200\nPROMPT 1\nTIMEOUT 0\nSAY ready to choose\nDEFAULT none\n')
    subprocess.run(['xorriso', '-as', 'mkisofs', '-o', iso, '-b', 'isolinux.bin', '-c', 'boot.cat', '-no-emul-boot',
                    '-boot-load-size', '4', '-boot-info-table', tree], check=True, capture_output=True)
    vm = Boot(qemu, 'q35', drive(iso, 'ide-cd', 'bus=ide.0'))
    good = vm.wait(vm.serial, 'boot:')
    said = vm.close()
    loader_result(tap, 'ISOLINUX', good, said)


def main():
    qemu = sys.argv[1]
    problem = run.kvm_problem()
    if not problem and not os.path.exists('/usr/share/seabios/bios-256k.bin'):
        problem = 'Debian\'s package seabios is not installed'
    tap = run.Tap()
    if problem:
        print(f'1..0 # SKIP {problem}')
        return 0
    with tempfile.TemporaryDirectory() as folder:
        images = {}
        for kind, data in (('disk', hard_disk()), ('cd', cd_image()), ('floppy', floppy()), ('empty', bytes(1 << 20))):
            images[kind] = os.path.join(folder, kind)
            with open(images[kind], 'wb') as f:
                f.write(data)
        test_disks(tap, qemu, images)
        test_keyboard(tap, qemu, images)
        test_isolinux(tap, qemu, folder)
    print(f'1..{tap.n}')
    return 1 if tap.bad else 0


if __name__ == '__main__':
    sys.exit(main())
