#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's cases: Linux guests with NVMe and virtio disks that IOThreads serve through ioregionfd. TAP on the standard output.

Runs where /dev/kvm runs Linux guests; lab.py sees to that.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import images  # noqa: E402
import kmod  # noqa: E402
from block_errors import Skip, errors_stop  # noqa: E402
from clocks import legacy_irqchips  # noqa: E402
from cpu_cases import cpu_hotplug, memory_hotplug  # noqa: E402
from iothread_cases import hot_unplug, storm  # noqa: E402
from loaders import boot_floppy, boot_ipxe, boot_loaders, boot_screens, linux_floppy  # noqa: E402
from microvm_cases import microvm_boot_and_mount  # noqa: E402
from net_cases import net_tap, net_user  # noqa: E402
from nvme_cases import nvme_cli  # noqa: E402
from power_cut import power_cut  # noqa: E402
from vm import Vm, VmError  # noqa: E402


class Lab:
    """What a case needs: the emulator, the guests' files, a folder of its own, and time limits."""

    def __init__(self, options):
        self.emulator = options.emulator
        self.lab = options.lab
        self.folder = options.folder
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix='lab-'))    # disk images: gone after the run
        self.soak = options.soak
        self.slow = 6 if options.slow else 1
        self.vmlinuz = next((options.lab / 'kernel').glob('boot/vmlinuz-*'))
        self.peer = options.peer
        self.engine = options.engine
        self.load = {'module': options.load_module, 'kvm': options.load_kvm}

    def limit(self, seconds):
        """Seconds on hardware; an emulated machine gets more."""
        return seconds * self.slow

    def machine(self, job, arguments=(), cpus=1, memory=256, kind='nvme'):
        append = f'{images.GUEST_APPEND} lab.job={job}'
        if kind != 'nvme':
            append += ' lab.disk=' + {'virtio': 'vda', 'none': 'none'}[kind]
        if arguments:
            append += ' lab.args=' + ','.join(str(argument) for argument in arguments)
        accel = f'kvm,ioregionfd={self.engine}' if self.engine else 'kvm'
        return ['-machine', 'q35', '-accel', accel, '-cpu', 'host', '-smp', str(cpus), '-m', str(memory), '-nodefaults',
                '-kernel', str(self.vmlinuz), '-initrd', str(self.lab / 'guest.cpio'), '-append', append]

    def disk(self, image, iothreads=1, more='', kind='nvme'):
        """A disk with its ioregionfds, one for each IOThread; the peer has its own way."""
        if kind == 'virtio':
            return self._virtio_disk(image, iothreads, more)
        drive = ['-drive', f'file={image},if=none,id=d0,format=raw']
        if self.peer:
            return drive + ['-device', f'nvme,drive=d0,serial=lab{more}']
        arguments = []
        for number in range(iothreads):
            arguments += ['-object', f'iothread,id=iot{number}',
                          '-object', f'ioregionfd,id=ior{number},iothread=iot{number}']
        if iothreads == 1:
            return arguments + drive + ['-device', f'nvme,drive=d0,serial=lab,ioregionfd=ior0{more}']
        device = {'driver': 'nvme', 'drive': 'd0', 'serial': 'lab', 'ioregionfd': 'ior0',
                  'ioregionfds': [f'ior{number}' for number in range(iothreads)]}
        for word in more.split(','):
            if word:
                name, value = word.split('=')
                device[name] = int(value) if value.isdigit() else value
        return arguments + drive + ['-device', json.dumps(device)]

    def _virtio_disk(self, image, iothreads, more):
        """One IOThread: registers and notifications through an ioregionfd object. More: registers in the main loop, queues dealt out,
        notifications by eventfd."""
        arguments = ['-drive', f'file={image},if=none,id=d0,format=raw']
        for number in range(iothreads):
            arguments += ['-object', f'iothread,id=iot{number}']
        if self.peer:
            return arguments + ['-device', f'virtio-blk-pci,drive=d0,iothread=iot0{more}']
        if iothreads == 1:
            return arguments + ['-object', 'ioregionfd,id=ior0,iothread=iot0',
                                '-device', f'virtio-blk-pci,id=vd0,drive=d0,ioregionfd=ior0{more}']
        mapping = ''.join(f',iothread-vq-mapping.{n}.iothread=iot{n}' for n in range(iothreads))
        return arguments + ['-device', f'virtio-blk-pci,id=vd0,drive=d0{mapping}{more}']


def job_done(vm, job, limit):
    """Waits for a job's end and wants it to have gone well."""
    found = vm.wait_text(rf'GUEST job {job} ended with status (\d+)', limit)
    if found[1] != '0':
        raise VmError(f'job {job} ended with status {found[1]}; last of the console: {vm.text()[-600:]!r}')


def off(vm, limit):
    """Waits until the guest has powered off and the emulator has ended with status 0."""
    status = vm.wait_exit(limit)
    if status != 0:
        raise VmError(f'the emulator ended with status {status}{vm.complaint()}')


def boot_and_mount(lab, folder):
    """the guest boots, reads a file of an ext4 NVMe disk and writes one; the image is clean"""
    image = lab.scratch / 'disk.img'
    images.make_ext4(image, 32, {'hello.txt': 'Hello from the host.\n'})
    with Vm(lab.emulator, folder, lab.machine('demo') + lab.disk(image) + ['-no-shutdown']) as vm:
        vm.qmp.wait_event('SHUTDOWN', lab.limit(60))
        job_done(vm, 'demo', 1)
        if 'GUEST reads hello.txt: Hello from the host.' not in vm.text():
            raise VmError(f'the guest did not print the file: {vm.text()[-400:]!r}')
        if not lab.peer:
            channels = vm.qmp.execute('query-ioregionfd')
            (folder / 'query-ioregionfd.json').write_text(json.dumps(channels, indent=1))
            served = [channel for channel in channels if channel['id'] == 'ior0']
            if not served or served[0].get('home') != 'iot0':
                raise VmError(f'ior0 has no home in iot0: {channels}')
            regions = served[0]['regions']
            if not sum(region['posted'] for region in regions) or not sum(region['writes'] for region in regions):
                raise VmError(f'the disk worked, but not through ioregionfd: {regions}')
            if lab.engine in ('kvm', 'module') and any(region['posted-writes'] and region['posted'] and region['exits'] for region in regions):
                raise VmError(f'doorbells were carried by vCPU threads: {regions}')
        vm.qmp.execute('quit')
        off(vm, lab.limit(10))
    wrong = images.fsck(image)
    if wrong:
        raise VmError(f'e2fsck: {wrong}')
    if 'written by the guest' not in images.read_file(image, 'guest.txt'):
        raise VmError('the file that the guest wrote is not in the image')


def four_queues(lab, folder):
    """4 vCPUs with 4 queues over 2 IOThreads: a fio verify job is clean"""
    image = lab.scratch / 'disk.img'
    mib = 32 if lab.soak else 6
    images.make_blank(image, 4 * mib)
    with Vm(lab.emulator, folder, lab.machine('fio-verify', [mib], cpus=4, memory=384) +
            lab.disk(image, iothreads=2)) as vm:
        job_done(vm, 'fio-verify', lab.limit(400 if lab.soak else 50))
        if not lab.peer:
            channels = {channel['id']: channel for channel in vm.qmp.execute('query-ioregionfd')}
            for name in ('ior0', 'ior1'):
                if not sum(region['posted'] for region in channels[name]['regions']):
                    raise VmError(f'{name} served no doorbell: the queues are not spread')
        off(vm, lab.limit(10))


def stop_and_cont(lab, folder):
    """stop and cont under I/O: nothing is lost, and nothing moves while the machine is stopped"""
    image = lab.scratch / 'disk.img'
    images.make_blank(image, 16)
    seconds = 120 if lab.soak else 10
    with Vm(lab.emulator, folder, lab.machine('steady', [seconds]) + lab.disk(image)) as vm:
        vm.wait_text('GUEST load begins', lab.limit(60))
        for _ in range(60 if lab.soak else 5):
            time.sleep(0.7)
            vm.qmp.execute('stop')
            vm.qmp.wait_event('STOP', lab.limit(5))
            if vm.qmp.execute('query-status')['status'] != 'paused':
                raise VmError('the machine is not paused after "stop"')
            before = image.stat().st_mtime_ns
            time.sleep(0.5)
            if image.stat().st_mtime_ns != before:
                raise VmError('the image was written to while the machine was stopped')
            vm.qmp.execute('cont')
            vm.qmp.wait_event('RESUME', lab.limit(5))
        job_done(vm, 'steady', lab.limit(seconds + 30))
        off(vm, lab.limit(10))


def reset_under_load(lab, folder):
    """system_reset under I/O: the guest boots again and its load is clean"""
    image = lab.scratch / 'disk.img'
    images.make_blank(image, 16)
    with Vm(lab.emulator, folder, lab.machine('steady', [4]) + lab.disk(image)) as vm:
        start = 0
        for number in range(12 if lab.soak else 2):
            start = vm.wait_text('GUEST load begins', lab.limit(60), start).end()
            time.sleep(1 + number * 0.37)
            vm.qmp.execute('system_reset')
            vm.qmp.wait_event('RESET', lab.limit(10))
        vm.wait_text('GUEST load is clean', lab.limit(90), start)
        job_done(vm, 'steady', lab.limit(30))
        off(vm, lab.limit(10))


def metadata(lab, folder):
    """ext4 metadata load: untar, remount, compare, delete; the image is clean"""
    image = lab.scratch / 'disk.img'
    images.make_ext4(image, 48, {'hello.txt': 'x\n'})
    with Vm(lab.emulator, folder, lab.machine('metadata', [20 if lab.soak else 2]) + lab.disk(image)) as vm:
        job_done(vm, 'metadata', lab.limit(600 if lab.soak else 60))
        off(vm, lab.limit(10))
    wrong = images.fsck(image)
    if wrong:
        raise VmError(f'e2fsck: {wrong}')


def virtio_boot_and_mount(lab, folder):
    """the guest boots, reads a file of an ext4 virtio disk and writes one, its notifications carried by ioregionfd; the image is clean"""
    image = lab.scratch / 'disk.img'
    images.make_ext4(image, 32, {'hello.txt': 'Hello from the host.\n'})
    with Vm(lab.emulator, folder, lab.machine('demo', kind='virtio') + lab.disk(image, kind='virtio') +
            ['-no-shutdown']) as vm:
        vm.qmp.wait_event('SHUTDOWN', lab.limit(60))
        job_done(vm, 'demo', 1)
        if 'GUEST reads hello.txt: Hello from the host.' not in vm.text():
            raise VmError(f'the guest did not print the file: {vm.text()[-400:]!r}')
        if not lab.peer:
            regions = [region for channel in vm.qmp.execute('query-ioregionfd') if channel['id'] == 'ior0'
                       for region in channel['regions']]
            if not sum(region['posted'] for region in regions) or not sum(region['writes'] for region in regions):
                raise VmError(f'the disk worked, but not through ioregionfd: {regions}')
        vm.qmp.execute('quit')
        off(vm, lab.limit(10))
    wrong = images.fsck(image)
    if wrong:
        raise VmError(f'e2fsck: {wrong}')
    if 'written by the guest' not in images.read_file(image, 'guest.txt'):
        raise VmError('the file that the guest wrote is not in the image')


def virtio_four_queues(lab, folder):
    """4 vCPUs with 4 virtio queues over 2 IOThreads, packed rings, while the way of notifications changes: a fio verify job is clean"""
    image = lab.scratch / 'disk.img'
    mib = 32 if lab.soak else 6
    images.make_blank(image, 4 * mib)
    more = ',num-queues=4' + ('' if lab.peer else ',packed=on')
    with Vm(lab.emulator, folder, lab.machine('fio-verify', [mib], cpus=4, memory=384, kind='virtio') +
            lab.disk(image, iothreads=2, more=more, kind='virtio')) as vm:
        ways = ['exit', 'ioregionfd', 'ioeventfd', 'exit:ioregionfd:ioeventfd']
        vm.wait_text('GUEST has', lab.limit(60))
        for number in range(0 if lab.peer else 12):
            vm.qmp.execute('qom-set', path='/machine/peripheral/vd0', property='notify', value=ways[number % len(ways)])
            time.sleep(0.4)
        job_done(vm, 'fio-verify', lab.limit(400 if lab.soak else 60))
        off(vm, lab.limit(10))


def virtio_reset_under_load(lab, folder):
    """system_reset, stop and cont under I/O on a virtio disk: the guest boots again and its load is clean"""
    image = lab.scratch / 'disk.img'
    images.make_blank(image, 16)
    with Vm(lab.emulator, folder, lab.machine('steady', [4], kind='virtio') + lab.disk(image, kind='virtio')) as vm:
        start = 0
        for number in range(12 if lab.soak else 2):
            start = vm.wait_text('GUEST load begins', lab.limit(60), start).end()
            time.sleep(1 + number * 0.37)
            vm.qmp.execute('stop')
            vm.qmp.execute('cont')
            vm.qmp.execute('system_reset')
            vm.qmp.wait_event('RESET', lab.limit(10))
        vm.wait_text('GUEST load is clean', lab.limit(90), start)
        job_done(vm, 'steady', lab.limit(30))
        off(vm, lab.limit(10))


def kernel_engine(lab, folder, engine, unload, more):
    """Over 10,000 requests, each with its doorbells; the vCPU thread sees none of these. Then more cases with this engine."""
    image = lab.scratch / 'disk.img'
    mib = 24
    images.make_blank(image, mib)
    if subprocess.run(lab.load[engine], shell=True, check=False).returncode:
        raise VmError(f'the kernel half cannot be loaded: {lab.load[engine]}')
    lab.engine = engine
    try:
        # dbbuf=off: with a doorbell buffer in memory the guest would hardly ring
        with Vm(lab.emulator, folder, lab.machine('fio-verify', [mib]) + lab.disk(image, more=',dbbuf=off') +
                ['-no-shutdown']) as vm:
            vm.qmp.wait_event('SHUTDOWN', lab.limit(90))
            job_done(vm, 'fio-verify', 1)
            channels = vm.qmp.execute('query-ioregionfd')
            (folder / 'query-ioregionfd.json').write_text(json.dumps(channels, indent=1))
            regions = [region for channel in channels if channel['id'] == 'ior0' for region in channel['regions']]
            doorbells = [region for region in regions if region['posted-writes'] and region['posted']]
            rung = sum(region['posted'] for region in doorbells)
            print(f'# {engine}: {rung} doorbells, {sum(region["exits"] for region in doorbells)} of them through user space',
                  flush=True)
            if {region['engine'] for region in regions} != {engine}:
                raise VmError(f'the engine is not {engine}: {regions}')
            if rung < 10000 or sum(region['exits'] for region in doorbells):
                raise VmError(f'{rung} doorbells, and some were carried by vCPU threads: {doorbells}')
            vm.qmp.execute('quit')
            off(vm, lab.limit(10))
        for case in more:
            print(f'# {engine}: {case.__name__}', flush=True)
            (folder / case.__name__).mkdir(exist_ok=True)
            case(lab, folder / case.__name__)
    finally:
        lab.engine = None
    if subprocess.run(unload, shell=True, check=False).returncode:
        raise VmError(f'the kernel half cannot be unloaded: {unload}')


def post_write(lab, folder):
    """the changed KVM's ioeventfds store what is written, as the emulator's memory API asks them to"""
    done = subprocess.run([lab.emulator.parent / 'tests/unit/test-kvm', '-p', '/kvm/post-write'], capture_output=True, text=True,
                          check=False, timeout=lab.limit(30), env={**os.environ, 'TEST_KVM_POST_WRITE': '1'})
    (folder / 'test-kvm.out').write_text(done.stdout + done.stderr)
    if done.returncode or not re.search(r'^ok \d+ /kvm/post-write$', done.stdout, re.M):
        raise VmError(f'/kvm/post-write ended with status {done.returncode}: {done.stdout[-400:]}{done.stderr[-400:]}')


def engine_module(lab, folder):
    """ioregionfd=module on the stock KVM: fio verify is clean, no doorbell of 10,000 requests comes to user space; stop and cont"""
    kernel_engine(lab, folder, 'module', 'busybox rmmod ioregionfd', [stop_and_cont] + [reset_under_load, four_queues] * lab.soak)


def engine_kvm(lab, folder):
    """ioregionfd=kvm on the changed KVM: fio verify is clean, no doorbell of 10,000 requests comes to user space; reset; post-write"""
    kernel_engine(lab, folder, 'kvm', kmod.unload_command(),
                  [post_write, reset_under_load] + [stop_and_cont, four_queues] * lab.soak)


def scsi_disk_and_cd(lab, folder):
    """2 vCPUs, virtio-scsi with 2 queues over 2 IOThreads: CDs mount and are changed, a fio verify job on the disk is clean"""
    disk, cd, other = (lab.scratch / name for name in ('disk.img', 'cd.img', 'cd2.img'))
    mib = 32 if lab.soak else 4
    images.make_blank(disk, 2 * mib)
    images.make_ext4(cd, 8, {'hello.txt': 'Hello from the CD.\n'}, block=4096)
    images.make_ext4(other, 8, {'hello.txt': 'Hello from another CD.\n'}, block=4096)
    mapping = ''.join(f',iothread-vq-mapping.{n}.iothread=iot{n}' for n in range(2))
    with Vm(lab.emulator, folder, lab.machine('scsi', [mib], cpus=2, memory=384, kind='none') +
            ['-object', 'iothread,id=iot0', '-object', 'iothread,id=iot1',
             '-device', f'virtio-scsi-pci,id=s0,num_queues=2{mapping}',
             '-drive', f'file={disk},if=none,id=d0,format=raw', '-device', 'scsi-hd,drive=d0,bus=s0.0,scsi-id=1',
             '-drive', f'file={cd},if=none,id=c0,format=raw,media=cdrom', '-device', 'scsi-cd,id=cd0,drive=c0,bus=s0.0,scsi-id=2']) as vm:
        vm.wait_text('GUEST has read the CD', lab.limit(60))
        vm.qmp.execute('blockdev-change-medium', id='cd0', filename=str(other), format='raw', force=True)
        job_done(vm, 'scsi', lab.limit(400 if lab.soak else 60))
        for line in ('GUEST reads hello.txt: Hello from the CD.', 'Hello from another CD.', 'cache write back, provisioning unmap'):
            if line not in vm.text():
                raise VmError(f'the guest did not say {line!r}: {vm.text()[-600:]!r}')
        off(vm, lab.limit(10))


# These make a network interface or load kernel modules: level 1 only. engine_kvm leaves no KVM behind: it is the last one.
LEVEL1_CASES = [net_tap, engine_module, engine_kvm]
VIRTIO_CASES = [virtio_boot_and_mount, virtio_four_queues, virtio_reset_under_load, scsi_disk_and_cd, microvm_boot_and_mount]
BOOT_CASES = [boot_floppy, linux_floppy, boot_loaders, boot_ipxe, boot_screens]
# storm does what virtio_four_queues does, and more; firmware's and loaders' screens take minutes.
SOAK_CASES = [virtio_four_queues, boot_screens]
CASES = [boot_and_mount, four_queues, stop_and_cont, reset_under_load, metadata,
         nvme_cli, legacy_irqchips, errors_stop, cpu_hotplug, memory_hotplug,
         *BOOT_CASES, *VIRTIO_CASES,
         storm, hot_unplug, power_cut, net_user,
         *LEVEL1_CASES]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--emulator', required=True, type=pathlib.Path)
    parser.add_argument('--lab', required=True, type=pathlib.Path, help='folder with the kernel and the guests')
    parser.add_argument('--folder', required=True, type=pathlib.Path, help='where to write consoles')
    parser.add_argument('--soak', action='store_true')
    parser.add_argument('--slow', action='store_true', help='this machine is emulated')
    parser.add_argument('--peer', action='store_true', help='the emulator is not ours: plain nvme device')
    parser.add_argument('--engine', help='kvm, module or user: -accel kvm,ioregionfd=')
    parser.add_argument('--load-module', help='shell command that loads ioregionfd.ko')
    parser.add_argument('--load-kvm', help='shell command that puts the changed KVM in the place of the stock one')
    parser.add_argument('cases', nargs='*')
    options = parser.parse_args()
    lab = Lab(options)
    chosen = [case for case in CASES if not options.cases or case.__name__ in options.cases]
    print(f'1..{len(chosen)}', flush=True)
    bad = 0
    for number, case in enumerate(chosen, 1):
        start = time.monotonic()
        folder = options.folder / case.__name__
        folder.mkdir(parents=True, exist_ok=True)
        print(f'# {case.__name__} begins', flush=True)
        if case in LEVEL1_CASES and not options.load_module:
            print(f'ok {number} - {case.__doc__} # SKIP interfaces and kernel modules are made and loaded in level 1 only', flush=True)
            continue
        try:
            case(lab, folder)
            print(f'ok {number} - {case.__doc__}', flush=True)
        except Skip as reason:
            print(f'ok {number} - {case.__doc__} # SKIP {reason}', flush=True)
        except Exception as error:
            bad += 1
            for line in str(error).splitlines()[:12]:
                print(f'# {line}')
            if not isinstance(error, VmError):
                for line in traceback.format_exc().splitlines():
                    print(f'# {line}')
            print(f'not ok {number} - {case.__doc__}', flush=True)
        print(f'# {case.__name__} took {time.monotonic() - start:.0f} s', flush=True)
    shutil.rmtree(lab.scratch, ignore_errors=True)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
