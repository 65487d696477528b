# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's cases with four queues over four IOThreads each, on an NVMe and a virtio disk: stop, resets, and unplug under load."""

import json
import random
import time

import images
from block_errors import Skip
from vm import Vm, VmError

THREADS = 4


def threads(regions):
    """Four IOThreads; with an ioregionfd object each, where wanted."""
    arguments = []
    for number in range(THREADS):
        arguments += ['-object', f'iothread,id=iot{number}']
        if regions:
            arguments += ['-object', f'ioregionfd,id=ior{number},iothread=iot{number}']
    return arguments


def nodes(lab, mib):
    arguments = []
    for name in ('nvme', 'virtio'):
        image = lab.scratch / f'{name}.img'
        images.make_blank(image, mib)
        arguments += ['-blockdev', f'driver=file,filename={image},node-name={name}']
    return arguments


def mapping():
    return [{'iothread': f'iot{number}'} for number in range(THREADS)]


def devices(regions):
    """The devices, as device_add takes them. regions: NVMe's doorbells go through an ioregionfd object a queue."""
    nvme = {'driver': 'nvme', 'id': 'n0', 'drive': 'nvme', 'serial': 'lab'}
    if regions:
        nvme |= {'ioregionfd': 'ior0', 'ioregionfds': [f'ior{number}' for number in range(THREADS)]}
    else:
        nvme |= {'iothread-vq-mapping': mapping()}
    return [nvme, {'driver': 'virtio-blk-pci', 'id': 'v0', 'drive': 'virtio', 'num-queues': THREADS, 'iothread-vq-mapping': mapping()}]


def storm(lab, folder):
    """4 vCPUs, NVMe and virtio with 4 queues over 4 IOThreads each: fio verify is clean under stop, cont and controller resets"""
    if lab.peer:
        raise Skip('these are properties of this emulator')
    seconds = 90 if lab.soak else 8
    machine = lab.machine('storm', [seconds, 4], cpus=THREADS, memory=448, kind='virtio')
    arguments = machine + threads(True) + nodes(lab, 16)
    for device in devices(True):
        arguments += ['-device', json.dumps(device)]
    with Vm(lab.emulator, folder, arguments) as vm:
        vm.wait_text('GUEST load begins', lab.limit(60))
        for _ in range(60 if lab.soak else 5):
            time.sleep(random.uniform(0.2, 1.2))
            vm.qmp.execute('stop')
            vm.qmp.execute('cont')
        found = vm.wait_text(r'GUEST load is clean, with (\d+) resets|GUEST job .* status [^0]', lab.limit(seconds + 60))
        if not found[1] or not int(found[1]):
            raise VmError(f'the load was not clean, or the controller never reset: {vm.text()[-800:]!r}{vm.complaint()}')
        print(f'# storm: {found[1]} controller resets', flush=True)
        if vm.wait_exit(lab.limit(20)) != 0:
            raise VmError(f'the emulator ended with status {vm.child.returncode}{vm.complaint()}')


def hot_unplug(lab, folder):
    """NVMe and virtio behind root ports, 4 IOThreads each: unplugged under load and plugged again, round after round; then a clean verify"""
    if lab.peer:
        raise Skip('these are properties of this emulator')
    rounds = 50 if lab.soak else 3
    machine = lab.machine('hotplug', [rounds, 4], cpus=2, memory=448, kind='none')
    arguments = machine + threads(False) + nodes(lab, 16)
    for number in range(2):
        arguments += ['-device', f'pcie-root-port,id=rp{number},chassis={number + 1},slot={number + 1},addr={number + 5:x}.0']
    both = [device | {'bus': f'rp{number}'} for number, device in enumerate(devices(False))]
    with Vm(lab.emulator, folder, arguments) as vm:
        for device in both:
            vm.qmp.execute('device_add', **device)
        for number in range(rounds):
            vm.wait_text(rf'GUEST load {number} begins', lab.limit(60))
            time.sleep(random.uniform(0.2, 2))
            for device in both:
                vm.qmp.execute('device_del', id=device['id'])
            waiting = {device['id'] for device in both}
            while waiting:
                waiting.discard(vm.qmp.wait_event('DEVICE_DELETED', lab.limit(40))['data'].get('device'))
            vm.wait_text(rf'GUEST load {number} is over', lab.limit(30))
            for device in both:
                vm.qmp.execute('device_add', **device)
        vm.wait_text('GUEST all is clean|GUEST job .* status [^0]', lab.limit(60))
        if 'GUEST all is clean' not in vm.text():
            raise VmError(f'the guest: {vm.text()[-800:]!r}{vm.complaint()}')
        if vm.wait_exit(lab.limit(20)) != 0:
            raise VmError(f'the emulator ended with status {vm.child.returncode}{vm.complaint()}')
