# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's case for what an NVMe controller does besides reads and writes: nvme-cli in the guest."""

import pathlib

import initramfs
from vm import Vm, VmError

NVME_CLI = pathlib.Path('/usr/sbin/nvme')


def initrd_with_nvme_cli(lab):
    """The guests' initial RAM file system with nvme-cli behind it; other guests need not unpack that."""
    if not NVME_CLI.exists():
        raise VmError(f'{NVME_CLI} is missing: scripts/install-packages.sh installs nvme-cli')
    archive = initramfs.Archive()
    initramfs.program(archive, NVME_CLI)
    tool, both = lab.scratch / 'nvme-cli.cpio', lab.scratch / 'both.cpio'
    archive.write(tool)
    both.write_bytes((lab.lab / 'guest.cpio').read_bytes() + tool.read_bytes())
    return both


def nvme_cli(lab, folder):
    """nvme-cli: identify, logs, features, commands, attachment, format, self-test, reservations, firmware, sanitize"""
    if lab.peer:
        return
    arguments = lab.machine('nvme-cli', memory=320)
    arguments[arguments.index('-initrd') + 1] = str(initrd_with_nvme_cli(lab))
    for number, mib in ((0, 32), (1, 16)):
        with open(lab.scratch / f'ns{number}.img', 'wb') as image:
            image.truncate(mib << 20)
        arguments += ['-drive', f'file={lab.scratch}/ns{number}.img,if=none,id=d{number},format=raw']
    arguments += ['-object', 'iothread,id=iot0', '-object', 'ioregionfd,id=ior0,iothread=iot0',
                  '-device', f'nvme,id=n0,drive=d0,serial=lab,ioregionfd=ior0,state={lab.scratch}/nvme.state,'
                             f'firmware={lab.scratch}/nvme.fw',
                  '-device', 'nvme-ns,bus=n0,drive=d1,nsid=2']
    with Vm(lab.emulator, folder, arguments + ['-no-shutdown']) as vm:
        vm.qmp.wait_event('SHUTDOWN', lab.limit(120))
        text = vm.text()
        if 'GUEST nvme-cli all done' not in text:
            raise VmError(f'nvme-cli: {text[-1500:]!r}')
        controller = vm.qmp.execute('query-nvme')[0]
        if controller['home'] != 'iot0' or len(controller['namespaces']) != 2:
            raise VmError(f'query-nvme: {controller}')
        vm.qmp.execute('quit')
        vm.wait_exit(lab.limit(10))
    if not (lab.scratch / 'nvme.fw.2').exists() or '"namespaces"' not in (lab.scratch / 'nvme.state').read_text():
        raise VmError('the firmware image or the state file is not there')
