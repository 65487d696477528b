# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's case about power cuts: what the guest was told is durable is there after the emulator was killed."""

import random
import re
import socket
import subprocess
import time

import images
from vm import Vm, VmError

DISKS = ('nvme', 'virtio')
MAKES_A_FILE = 3  # record n with n % 4 of it (records.c)


class Disk:
    """One file system's image, on either disk from boot to boot, and the last record in it that was acknowledged."""

    def __init__(self, folder, kind):
        self.kind = kind
        self.image = folder / f'{kind}.img'
        self.last = -1
        self.replays = {False}  # whether the next boot finds something in the log: what may be
        # xfs has no smaller ones than 300 MiB; the images are sparse
        with open(self.image, 'wb') as image:
            image.truncate((304 if kind == 'xfs' else 48) << 20)
        if kind == 'xfs':
            command = [images.tool('mkfs.xfs'), '-q', '-K', str(self.image)]
        else:
            command = [images.tool('mkfs.ext4'), '-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', str(self.image)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise VmError(f'{command}: {done.stderr}')

    def cut(self, last):
        """The power was cut behind this record. ext4 is marked for recovery while it is mounted. xfs has nothing in its log when all
        that it was given were blocks written in place, of which a sync need not log the time."""
        logged = self.kind == 'ext4' or any(n % 4 == MAKES_A_FILE for n in range(self.last + 1, last + 1))
        self.replays = {True} if logged else {True, False}
        self.last = last

    def wrong(self):
        """What the checker does not like about the file system, which is not mounted; None: nothing."""
        if self.kind == 'ext4':
            return images.fsck(self.image)
        done = subprocess.run([images.tool('xfs_repair'), '-n', str(self.image)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=300)
        return None if done.returncode == 0 else done.stdout + done.stderr


def arguments(lab, disks, number):
    """The machine with disks {'nvme': Disk, 'virtio': Disk}; what can differ between two cuts does."""
    more = ('', ',aio=io_uring')[number // 2 % 2]
    cache = ('writeback', 'writeback', 'writethrough')[number % 3]
    machine = lab.machine('power-cut', [word for name in DISKS for word in (disks[name].kind, disks[name].last)], cpus=1 + lab.soak, kind='virtio')
    machine[machine.index('-initrd') + 1] = str(lab.lab / 'power-cut.cpio')
    for name in DISKS:
        machine += ['-drive', f'file={disks[name].image},if=none,id={name},format=raw,cache={cache}{more}',
                    '-object', f'iothread,id=iot-{name}']
    if lab.peer:
        return machine + ['-device', 'nvme,drive=nvme,serial=lab', '-device', 'virtio-blk-pci,drive=virtio,iothread=iot-virtio']
    return machine + ['-object', 'ioregionfd,id=ior0,iothread=iot-nvme', '-device', 'nvme,drive=nvme,serial=lab,ioregionfd=ior0',
                      '-device', 'virtio-blk-pci,drive=virtio,num-queues=2,iothread=iot-virtio']


def one_boot(lab, folder, disks, number, moment):
    """Boots, has the records and both file systems checked, writes more, cuts. moment: seconds after the first records, or None: no cut."""
    place = lab.scratch / 'go.sock'
    with Vm(lab.emulator, folder, arguments(lab, disks, number) +
            ['-chardev', f'socket,id=go,path={place},server=on,wait=off', '-serial', 'chardev:go']) as vm:
        with socket.socket(socket.AF_UNIX) as go:
            go.connect(str(place))
            vm.wait_text(r'GUEST waits|^LOST .*\n|GUEST job .* status [^0]', lab.limit(60))
            text = vm.text()
            if 'GUEST waits' not in text:
                raise VmError(f'boot {number}: {text[-800:]!r}{vm.complaint()}')
            for name, disk in disks.items():
                if not re.search(rf'^HELD {disk.kind} {disk.last + 1} and', text, re.MULTILINE):
                    raise VmError(f'boot {number}: {name} was not checked: {text[-800:]!r}')
                wrong = disk.wrong()
                if wrong:
                    raise VmError(f'boot {number}: the {disk.kind} on {name} is not clean after its log was replayed: {wrong}')
            replayed = []
            for disk in disks.values():
                found = int(re.search(rf'GUEST replayed .*{disk.kind} (\d+)', text)[1]) > 0
                replayed += [disk.kind] * found
                if found not in disk.replays:
                    raise VmError(f'boot {number}: {disk.kind} {"replayed" if found else "did not replay"} its log')
            go.sendall(b'off\n' if moment is None else b'go\n')
            if moment is None:
                if vm.wait_exit(lab.limit(20)) != 0:
                    raise VmError(f'the emulator ended with status {vm.child.returncode}{vm.complaint()}')
                return
            for disk in disks.values():
                vm.wait_text(rf'^ACK {disk.kind} \d+\n', lab.limit(30))
            time.sleep(moment)
            vm.child.kill()
            vm.child.wait()
        acknowledged = []
        for name, disk in disks.items():
            before = disk.last
            found = re.findall(rf'^ACK {disk.kind} (\d+)\n', vm.text(), re.MULTILINE)
            disk.cut(int(found[-1]))
            acknowledged.append(f'{name} ({disk.kind}) {before + 1} to {disk.last}')
        print(f'# cut {number + 1} after {moment:.2f} s; replayed at boot: {", ".join(replayed) or "none"}; acknowledged: '
              f'{", ".join(acknowledged)}', flush=True)
        place.unlink(missing_ok=True)


def power_cut(lab, folder):
    """power cut: the emulator is killed while a guest writes and syncs on NVMe and virtio, ext4 and xfs; what was acknowledged is there"""
    seed = random.randrange(1 << 30)
    dice = random.Random(seed)
    print(f'# power_cut: seed {seed}', flush=True)
    place = lab.scratch / 'power'
    place.mkdir(exist_ok=True)
    both = [Disk(place, kind) for kind in ('ext4', 'xfs')]
    cuts = 100 if lab.soak else 5
    for number in range(cuts + 1):
        order = both if number % 2 == 0 else both[::-1]
        disks = dict(zip(DISKS, order))
        one_boot(lab, folder, disks, number, dice.choice([0, dice.uniform(0, 3)]) if number < cuts else None)
    for disk in both:
        if disk.wrong():
            raise VmError(f'{disk.kind} at the end: {disk.wrong()}')
        disk.image.unlink()
