#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make demo: Debian's kernel boots from our emulator and works on an NVMe disk that an IOThread serves.

On a machine with hardware KVM the guest runs on it; elsewhere in level 1, an emulated machine with a KVM. Afterwards the
host checks the disk, and a table tells who served what.
"""

import argparse
import json
import pathlib
import shlex
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import images  # noqa: E402
import level1  # noqa: E402
import report  # noqa: E402
from kernel import LabError  # noqa: E402
from vm import Vm, VmError  # noqa: E402

TEXT = 'Hello from the host.\n'
START = time.monotonic()


def say(text):
    print(f'[{time.monotonic() - START:5.1f} s] {text}', flush=True)


def command_line(emulator, lab, image):
    """The emulator with its arguments, as a user would write them."""
    vmlinuz = next((lab / 'kernel').glob('boot/vmlinuz-*'))
    return [str(emulator), '-nographic', '-nodefaults', '-serial', 'mon:stdio',
            '-machine', 'q35', '-accel', 'kvm', '-cpu', 'host', '-smp', '1', '-m', '256',
            '-object', 'iothread,id=iot0', '-object', 'ioregionfd,id=ior0,iothread=iot0',
            '-drive', f'file={image},if=none,id=d0,format=raw',
            '-device', 'nvme,drive=d0,serial=demo,ioregionfd=ior0',
            '-kernel', str(vmlinuz), '-initrd', str(lab / 'guest.cpio'),
            '-append', f'{images.GUEST_APPEND} lab.job=demo', '-no-reboot', '-no-shutdown']


def run_guest(emulator, lab, image, folder, slow):
    """Runs the guest where this process is; writes what QMP tells to folder/status.json."""
    arguments = command_line(emulator, lab, image)
    say('starting ' + shlex.join(arguments))
    with Vm(emulator, folder, arguments[1:], console=()) as vm:
        shown = 0
        deadline = time.monotonic() + 60 * slow
        last = time.monotonic()
        while True:
            lines = vm.text().split('\n')[:-1]
            for line in lines[shown:]:
                if line.startswith('GUEST'):
                    say(f'guest: {line[6:]}')
                    last = time.monotonic()
            shown = len(lines)
            if any(line.startswith('GUEST job demo ended') for line in lines):
                break
            if vm.child.poll() is not None:
                raise VmError(f'the emulator ended with status {vm.child.returncode} before the guest was done'
                              f'{vm.complaint()}')
            if time.monotonic() > deadline:
                raise VmError(f'the guest was not done within {60 * slow} s{vm.complaint()}; last of its console: '
                              f'{vm.text()[-600:]!r}')
            if time.monotonic() - last > 5:
                say('the guest is at work')
                last = time.monotonic()
            time.sleep(0.1)
        vm.qmp.wait_event('SHUTDOWN', 20 * slow)
        say('the guest has powered off; asking the emulator what was served')
        status = report.collect(vm.qmp)
        (folder / 'status.json').write_text(json.dumps(status, indent=1))
        vm.qmp.execute('quit')
        code = vm.wait_exit(10 * slow)
        if code != 0:
            raise VmError(f'the emulator ended with status {code}{vm.complaint()}')
    if 'GUEST job demo ended with status 0' not in vm.text():
        raise VmError(f'the guest\'s job failed; last of its console: {vm.text()[-600:]!r}')


def inside(options):
    """In level 1: the disk is copied to its memory and back, so that the emulator has it on a file system of its own."""
    image = pathlib.Path('disk.img').resolve()
    shutil.copyfile(options.inside / 'disk.img', image)
    try:
        run_guest(options.emulator, options.lab, image, options.inside, 6)
    except VmError as error:
        say(f'FAILED: {error}')
        return 1
    shutil.copyfile(image, options.inside / 'disk.img')
    return 0


def check_disk(image):
    """What the host finds on the disk; raises when that is not what the guest left there."""
    wrong = images.fsck(image)
    if wrong:
        raise VmError(f'e2fsck -fn {image}:\n{wrong}')
    print('host: e2fsck -fn finds the file system clean')
    text = images.read_file(image, 'guest.txt')
    if 'written by the guest' not in text:
        raise VmError(f'{image}: guest.txt does not hold what the guest wrote, but {text!r}')
    print('host: guest.txt holds: ' + ' / '.join(text.splitlines()))
    if images.read_file(image, 'hello.txt') != TEXT:
        raise VmError(f'{image}: hello.txt has changed')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='build', type=pathlib.Path)
    parser.add_argument('--emulator', type=pathlib.Path)
    parser.add_argument('--lab', type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument('--inside', type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return inside(options)
    build = options.build.resolve()
    emulator = (options.emulator or build / 'qemu-system-x86_64').resolve()
    folder = build / 'lab' / 'demo'
    image = build / 'lab' / 'disk.img'
    try:
        if not emulator.exists():
            raise LabError(f'{emulator} does not exist: build it first')
        made = images.Images(build, say)
        say(f'making {image} with an ext4 file system')
        images.make_ext4(image, 32, {'hello.txt': TEXT})
        if level1.hardware_kvm():
            say('this machine has hardware KVM: the guest runs on it')
            shutil.rmtree(folder, ignore_errors=True)
            run_guest(emulator, made.lab, image, folder, 1)
            told = folder
        else:
            say('no KVM for Linux guests on this machine: booting level 1, an emulated machine with a KVM')
            command = ['/usr/bin/python3', str(HERE / 'demo.py'), '--emulator', str(emulator), '--lab', str(made.lab)]
            result = level1.run_again(
                2, say, made, f'cp {shlex.quote(str(image))} "$OUT/disk.img"\n{shlex.join(command)} --inside "$OUT"',
                folder, 600, say, needs=[HERE, emulator], on_line=lambda line: print('  ' + line, flush=True))
            if result.status != 0:
                raise VmError(f'level 1 ended with status {result.status}; its logs are in {folder}')
            if result.trouble:
                raise VmError('level 1\'s kernel complains: ' + ' / '.join(result.trouble[:5]))
            told = result.folder
            image = told / 'disk.img'
        check_disk(image)
    except (LabError, VmError, subprocess.SubprocessError) as error:
        print(f'demo: FAILED: {error}', file=sys.stderr)
        return 1
    print()
    report.show(json.loads((told / 'status.json').read_text()))
    say('done')
    return 0


if __name__ == '__main__':
    sys.exit(main())
