# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases about errors below a disk: the machine stops as werror= and rerror= say, and goes on."""

import subprocess

from vm import Vm, VmError


class Skip(Exception):
    """The case cannot run here, and why."""


def stopped_by_error(vm, operation, limit):
    """Waits until an error of that operation has stopped the machine; returns the event's data."""
    while True:
        data = vm.qmp.wait_event('BLOCK_IO_ERROR', limit)['data']
        if data['operation'] == operation:
            break   # others, of requests that failed together, may lie before it
    if data['action'] != 'stop':
        raise VmError(f'the error did not stop the machine: {data}')
    vm.qmp.wait_event('STOP', limit)
    status = vm.qmp.execute('query-status')
    if status['running'] or status['status'] != 'io-error':
        raise VmError(f'the machine is not stopped by the error: {status}')
    return data


def errors_stop(lab, folder):
    """werror=stop, rerror=stop: the machine waits until its disk has room and can be read; nothing is lost"""
    if lab.peer:
        raise Skip('the other emulator has no error policy for NVMe')
    place = lab.scratch / 'small'
    place.mkdir()
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', str(place)], stderr=subprocess.PIPE,
                             text=True, check=False)
    if mounted.returncode != 0:
        raise Skip(f'a small tmpfs is needed: {mounted.stderr.strip()}')
    image, mib = place / 'disk.img', 6
    with open(image, 'wb') as disk:
        disk.truncate(mib << 20)    # sparse: room is taken by what the guest writes
    drive = ['-drive', f'driver=blkdebug,image.driver=file,image.filename={image},if=none,id=d0,werror=stop,rerror=stop,'
             f'inject-error.0.event=none,inject-error.0.iotype=read,inject-error.0.sector={2 * 2048},inject-error.0.once=on',
             '-object', 'iothread,id=iot0', '-object', 'ioregionfd,id=ior0,iothread=iot0',
             '-device', 'nvme,drive=d0,serial=lab,ioregionfd=ior0']
    try:
        with Vm(lab.emulator, folder, lab.machine('numbered', [mib]) + drive) as vm:
            data = stopped_by_error(vm, 'write', lab.limit(60))
            if not data.get('nospace'):
                raise VmError(f'the event does not say that there is no space: {data}')
            if 'GUEST wrote all' in vm.text():
                raise VmError('the guest was told that its data are written')
            subprocess.run(['mount', '-o', 'remount,size=32m', str(place)], check=True)
            vm.qmp.execute('cont')
            vm.wait_text('GUEST wrote all blocks', lab.limit(60))
            stopped_by_error(vm, 'read', lab.limit(60))
            vm.qmp.execute('cont')
            ended = vm.wait_text(r'GUEST job numbered ended with status (\d+)', lab.limit(60))
            if ended[1] != '0' or vm.wait_exit(lab.limit(10)) != 0:
                raise VmError(f'the job ended with status {ended[1]}, the emulator with {vm.child.poll()}{vm.complaint()}')
        with open(image, 'rb') as disk:
            for number in range(mib):
                disk.seek(number << 20)
                if disk.read(16) != b'%016d' % number:
                    raise VmError(f'block {number} is not in the image')
    finally:
        subprocess.run(['umount', '-l', str(place)], check=False)
