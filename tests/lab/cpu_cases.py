# SPDX-License-Identifier: GPL-2.0-or-later
"""Processors and memory that come and go under Linux."""

from vm import Vm, VmError


def cpu_hotplug(lab, folder):
    """a processor is plugged into a Linux guest, works, is unplugged and plugged again, comes and goes while the guest stands, and is ejected by the guest, on q35 and pc"""
    for board in ('q35', 'pc'):
        arguments = lab.machine('cpu-hotplug', cpus='1,maxcpus=2,sockets=2', kind='none')
        arguments[arguments.index('q35')] = board
        with Vm(lab.emulator, folder, arguments) as vm:
            start = vm.wait_text('GUEST has 1 CPUs', lab.limit(60)).end()
            possible = vm.qmp.execute('query-hotpluggable-cpus')
            free = [entry for entry in possible if 'qom-path' not in entry]
            if len(possible) != 2 or len(free) != 1:
                raise VmError(f'possible processors: {possible}')
            for number in range(2):
                vm.qmp.execute('device_add', driver=free[0]['type'], id='cpu1', **free[0]['props'])
                start = vm.wait_text('GUEST has 2 CPUs', lab.limit(30), start).end()
                if number == 0:
                    start = vm.wait_text('GUEST lets CPU 1 go', lab.limit(30), start).end()
                    vm.qmp.execute('device_del', id='cpu1')
                    vm.qmp.wait_event('DEVICE_DELETED', lab.limit(30))
                    start = vm.wait_text('GUEST has 1 CPUs', lab.limit(30), start).end()
            start = vm.wait_text('GUEST is done with CPU 1', lab.limit(30), start).end()
            vm.qmp.execute('device_del', id='cpu1')
            vm.qmp.wait_event('DEVICE_DELETED', lab.limit(30))
            start = vm.wait_text('GUEST has 1 CPUs', lab.limit(30), start).end()
            # Both events wait for the guest's next look.
            vm.qmp.execute('stop')
            vm.qmp.execute('device_add', driver=free[0]['type'], id='cpu1', **free[0]['props'])
            vm.qmp.execute('device_del', id='cpu1')
            vm.qmp.execute('cont')
            vm.qmp.wait_event('DEVICE_DELETED', lab.limit(30))
            vm.qmp.execute('device_add', driver=free[0]['type'], id='cpu1', **free[0]['props'])
            start = vm.wait_text('GUEST has 2 CPUs', lab.limit(60), start).end()
            vm.qmp.wait_event('DEVICE_DELETED', lab.limit(30))
            start = vm.wait_text('GUEST has 1 CPUs', lab.limit(30), start).end()
            vm.wait_text(r'GUEST job cpu-hotplug ended with status 0', lab.limit(30), start)
            if vm.wait_exit(lab.limit(20)):
                raise VmError(f'the emulator failed{vm.complaint()}')
        if 'GUEST worked on CPU 1: 2000' not in vm.text() or 'GUEST works on CPU 1 again' not in vm.text():
            raise VmError(f'CPU 1 did not work: {vm.text()[-600:]!r}')


def memory_hotplug(lab, folder):
    """a memory module is plugged into a Linux guest, filled, unplugged, and plugged again, on q35 and pc"""
    for board in ('q35', 'pc'):
        arguments = lab.machine('memory-hotplug', cpus='1', kind='none')
        arguments[arguments.index('q35')] = board
        size = arguments[arguments.index('-m') + 1]
        arguments[arguments.index('-m') + 1] = f'{size},slots=2,maxmem=2G'
        with Vm(lab.emulator, folder, arguments) as vm:
            start = 0
            for _ in range(2):
                start = vm.wait_text('GUEST waits for memory', lab.limit(60), start).end()
                vm.qmp.execute('object-add', **{'qom-type': 'memory-backend-ram', 'id': 'm0', 'size': 256 << 20})
                vm.qmp.execute('device_add', driver='pc-dimm', id='dimm0', memdev='m0')
                start = vm.wait_text(r'GUEST filled \d{8,} bytes', lab.limit(60), start).end()
                start = vm.wait_text('GUEST lets memory go', lab.limit(30), start).end()
                vm.qmp.execute('device_del', id='dimm0')
                vm.qmp.wait_event('DEVICE_DELETED', lab.limit(60))
                vm.qmp.execute('object-del', id='m0')
            vm.wait_text(r'GUEST job memory-hotplug ended with status 0', lab.limit(60), start)
            if vm.wait_exit(lab.limit(20)):
                raise VmError(f'the emulator failed{vm.complaint()}')
