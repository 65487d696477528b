# SPDX-License-Identifier: GPL-2.0-or-later
"""The microvm machine: no PCI, disks on virtio-mmio."""

import images
from vm import Vm, VmError


def boot(lab, folder, image, machine, version):
    """Boots Debian's kernel from a virtio-blk-device; the guest mounts it, writes to it, and powers off through ACPI's sleep register."""
    arguments = lab.machine('demo', kind='virtio')
    arguments[arguments.index('q35')] = 'microvm' + machine
    arguments += ['-global', f'virtio-mmio.force-legacy={"on" if version == 1 else "off"}',
                  '-drive', f'file={image},if=none,id=d0,format=raw', '-object', 'iothread,id=iot0']
    device = 'virtio-blk-device,id=vd0,drive=d0'
    if lab.peer:
        arguments += ['-device', device + ',iothread=iot0']
    else:
        arguments += ['-object', 'ioregionfd,id=ior0,iothread=iot0', '-device', device + ',ioregionfd=ior0']
    with Vm(lab.emulator, folder, arguments + ['-no-shutdown']) as vm:
        vm.qmp.wait_event('SHUTDOWN', lab.limit(60))
        vm.wait_text(r'GUEST job demo ended with status 0', 1)
        if 'GUEST reads hello.txt: Hello from the host.' not in vm.text():
            raise VmError(f'the guest did not print the file: {vm.text()[-400:]!r}')
        if not lab.peer:
            served = [channel for channel in vm.qmp.execute('query-ioregionfd') if channel['id'] == 'ior0']
            if not served or served[0].get('home') != 'iot0' or not sum(region['writes'] for region in served[0]['regions']):
                raise VmError(f'the disk worked, but not through ioregionfd: {served}')
        vm.qmp.execute('quit')
        if vm.wait_exit(lab.limit(10)):
            raise VmError(f'the emulator failed{vm.complaint()}')
    wrong = images.fsck(image)
    if wrong:
        raise VmError(f'e2fsck: {wrong}')


def microvm_boot_and_mount(lab, folder):
    """microvm: Debian's kernel mounts an ext4 virtio-blk-device, registers of both versions, also at the second I/O APIC without PIC and PIT"""
    image = lab.scratch / 'disk.img'
    for machine, version in (('', 2), (',ioapic2=on,pic=off,pit=off', 1)):
        images.make_ext4(image, 32, {'hello.txt': 'Hello from the host.\n'})
        boot(lab, folder, image, machine, version)
        if 'written by the guest' not in images.read_file(image, 'guest.txt'):
            raise VmError('the file that the guest wrote is not in the image')
