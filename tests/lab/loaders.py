# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot loaders and other programs that run on a PC's bare firmware: SeaBIOS starts them from each kind of disk."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from images import TOOL_PATH
from block_errors import Skip
from vm import Vm, VmError

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'guest'))

import boot  # noqa: E402

GRUB = pathlib.Path('/usr/lib/grub/i386-pc')
SYSLINUX = pathlib.Path('/usr/lib/syslinux/modules/bios')
ISOLINUX = pathlib.Path('/usr/lib/ISOLINUX/isolinux.bin')
IPXE = pathlib.Path('/usr/lib/ipxe')
UBOOT = pathlib.Path('/usr/lib/u-boot')
MEMTEST = pathlib.Path('/boot/memtest86+x64.bin')
SERIAL_GRUB = 'serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n'
SCREEN_GRUB = ('terminal_input console\nterminal_output console\nset timeout=-1\n'
               f'menuentry "memtest86+" {{ linux /{MEMTEST.name} }}\nmenuentry "firmware" {{ exit }}\n')
SERIAL_SYSLINUX = 'SERIAL 0 115200\nPROMPT 1\nTIMEOUT 0\nDEFAULT none\n'


def need(package, *paths):
    for path in paths:
        if not os.path.exists(path):
            raise Skip(f'{path} is missing: package {package}')


def run(*words):
    """A program that makes an image; what it says comes with the error."""
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=120, env={**os.environ, 'PATH': TOOL_PATH, 'MTOOLS_SKIP_CHECK': '1'})
    if done.returncode:
        raise VmError(f'{words[0]} ended with status {done.returncode}: {done.stderr[-500:]}')


def grub_disk(path):
    """GRUB in the first sectors of a disk, with a configuration of its own."""
    need('grub-pc-bin', GRUB / 'boot.img')
    config, core = path.with_suffix('.cfg'), path.with_suffix('.core')
    config.write_text(SERIAL_GRUB + 'echo GRUB began from a disk\nnormal\n')
    run('grub-mkimage', '-O', 'i386-pc', '-p', '/boot/grub', '-c', config, '-o', core,
        'biosdisk', 'part_msdos', 'serial', 'terminal', 'echo', 'normal', 'ls')
    image = bytearray((GRUB / 'boot.img').read_bytes() + core.read_bytes())
    path.write_bytes(image.ljust(4 << 20, b'\0'))


def grub_cd(path, kernels=(), entries=''):
    """GRUB on a CD, with kernels in its root."""
    need('grub-pc-bin', GRUB / 'cdboot.img')
    tree = path.with_suffix('.tree')
    (tree / 'boot/grub').mkdir(parents=True)
    (tree / 'boot/grub/grub.cfg').write_text(SERIAL_GRUB + 'echo GRUB began from a CD\n' + entries)
    for kernel in kernels:
        shutil.copy(kernel, tree)
    run('grub-mkrescue', '-d', GRUB, '-o', path, '--install-modules=normal serial terminal echo linux linux16 ls iso9660 biosdisk',
        '--fonts=', '--themes=', '--locales=', tree)
    shutil.rmtree(tree)


def syslinux_fat(path, kib, *shape):
    """SYSLINUX in a FAT file system that begins with the disk."""
    need('syslinux', '/usr/bin/syslinux', SYSLINUX / 'ldlinux.c32')
    path.write_bytes(bytes(kib << 10))
    run('mformat', '-i', path, *shape, '::')
    config = path.with_suffix('.cfg')
    config.write_text(SERIAL_SYSLINUX)
    run('mcopy', '-i', path, config, '::syslinux.cfg')
    run('syslinux', '--install', path)


def isolinux_cd(path):
    need('isolinux', ISOLINUX)
    need('syslinux-common', SYSLINUX / 'ldlinux.c32')
    tree = path.with_suffix('.tree')
    tree.mkdir()
    for file in (ISOLINUX, SYSLINUX / 'ldlinux.c32'):
        shutil.copy(file, tree)
    (tree / 'isolinux.cfg').write_text(SERIAL_SYSLINUX)
    run('xorriso', '-as', 'mkisofs', '-o', path, '-b', 'isolinux.bin', '-c', 'boot.cat', '-no-emul-boot', '-boot-load-size', '4',
        '-boot-info-table', tree)
    shutil.rmtree(tree)


def drive(path, kind):
    """Options for an image as a disk of some kind that the firmware starts from."""
    if kind == 'floppy':
        return ['-drive', f'if=floppy,format=raw,file={path}', '-boot', 'a']
    media = 'cdrom,readonly=on' if kind.endswith('cd') else 'disk'
    device = {'ide-cd': 'ide-cd,bus=ide.1', 'ide-hd': 'ide-hd,bus=ide.0', 'virtio': 'virtio-blk-pci', 'nvme': 'nvme,serial=s',
              'sata-cd': 'ide-cd,bus=ide.1', 'sata-hd': 'ide-hd,bus=ide.0'}[kind]
    return ['-drive', f'if=none,id=d,format=raw,file={path},media={media}', '-device', f'{device},drive=d,bootindex=1']


def machine(board, more=(), memory=64):
    return ['-machine', board, '-accel', 'kvm', '-cpu', 'host', '-m', str(memory), '-nodefaults', *more]


def reaches(lab, folder, name, arguments, *patterns):
    """Starts it and waits for what it says on the serial port, in order."""
    (folder / name).mkdir(exist_ok=True)
    with Vm(lab.emulator, folder / name, arguments) as vm:
        end = 0
        for pattern in patterns:
            end = vm.wait_text(pattern, lab.limit(30), end).end()
    print(f'# {name}: good', flush=True)


def text_screen(vm):
    """The 25 lines of the VGA's text mode."""
    dump = vm.qmp.execute('human-monitor-command', command_line='xp /1000xw 0xb8000')
    words = [int(word, 16) for line in dump.splitlines() for word in line.split(':', 1)[1].split()]
    cells = b''.join(word.to_bytes(4, 'little') for word in words)[0::2].replace(b'\0', b' ').decode('cp437')
    return [cells[80 * n:80 * n + 80].rstrip() for n in range(25)]


def screen_shows(vm, pattern, limit):
    """Waits for a line of the screen that has it; returns the match."""
    deadline = time.monotonic() + limit
    while True:
        lines = text_screen(vm)
        for line in lines:
            found = re.search(pattern, line)
            if found:
                return found
        if time.monotonic() > deadline:
            shown = '\n'.join(line for line in lines if line)
            raise VmError(f'the screen does not show "{pattern}" after {limit} s{vm.complaint()}:\n{shown}')
        time.sleep(0.3)


def press(vm, *keys):
    vm.qmp.execute('send-key', keys=[{'type': 'qcode', 'data': key} for key in keys])


def boot_floppy(lab, folder):
    """SeaBIOS starts a boot sector and SYSLINUX from floppy disks, on pc and q35"""
    image, fat, fat2880 = (lab.scratch / name for name in ('floppy.img', 'fat.img', 'fat2880.img'))
    image.write_bytes(boot.floppy())
    for board in ('pc', 'q35') if lab.soak else ('q35',):
        reaches(lab, folder, f'boot sector on {board}', machine(board, drive(image, 'floppy')), boot.GREETING.decode())
    syslinux_fat(fat, 1440, '-f', '1440')
    reaches(lab, folder, 'SYSLINUX on a 1.44M disk', machine('pc', drive(fat, 'floppy')), 'boot:')
    if lab.soak:
        syslinux_fat(fat2880, 2880, '-f', '2880')
        reaches(lab, folder, 'SYSLINUX on a 2.88M disk', machine('q35', drive(fat2880, 'floppy')), 'boot:')


def linux_floppy(lab, folder):
    """Linux's floppy driver reads a disk whole, writes a cylinder, and finds it on the disk again; so does the host"""
    image = lab.scratch / 'random.img'
    content = os.urandom(1440 << 10)
    image.write_bytes(content)
    with Vm(lab.emulator, folder, lab.machine('floppy', kind='none') + ['-drive', f'if=floppy,format=raw,file={image}']) as vm:
        read = vm.wait_text(r'GUEST floppy: (\w{32})', lab.limit(60))[1]
        vm.wait_text('GUEST job floppy ended with status 0', lab.limit(30))
        status = vm.wait_exit(lab.limit(20))
    if read != hashlib.md5(content).hexdigest() or status:
        raise VmError(f'the guest read something else, or the emulator ended with status {status}: {vm.text()[-400:]}')
    cylinder, line = 2 * 18 * 512, b'written by the guest\n'
    wanted = content[:40 * cylinder] + (line * (cylinder // len(line) + 1))[:cylinder] + content[41 * cylinder:]
    if image.read_bytes() != wanted:
        raise VmError('the image does not hold what the guest wrote, or more than that')


def boot_loaders(lab, folder):
    """GRUB from disk and CD, SYSLINUX, ISOLINUX and U-Boot reach their prompts"""
    disk, cd, fat, iso = (lab.scratch / name for name in ('grub.img', 'grub.iso', 'syslinux.img', 'isolinux.iso'))
    grub_disk(disk)
    reaches(lab, folder, 'GRUB from an NVMe disk', machine('q35', drive(disk, 'nvme')), 'GRUB began from a disk', 'grub> ')
    if lab.soak:
        reaches(lab, folder, 'GRUB from an IDE disk', machine('pc', drive(disk, 'ide-hd')), 'GRUB began from a disk', 'grub> ')
        grub_cd(cd)
        reaches(lab, folder, 'GRUB from a CD', machine('q35', drive(cd, 'sata-cd'), 256), 'GRUB began from a CD', 'grub> ')
    syslinux_fat(fat, 16384, '-h', '64', '-s', '32', '-t', '16')
    reaches(lab, folder, 'SYSLINUX from a virtio disk', machine('pc', drive(fat, 'virtio')), 'boot:')
    isolinux_cd(iso)
    reaches(lab, folder, 'ISOLINUX from a CD', machine('pc', drive(iso, 'ide-cd')), 'boot:')
    need('u-boot-qemu', UBOOT / 'qemu-x86/u-boot.rom')
    for board in ('pc', 'q35') if lab.soak else ('pc',):
        reaches(lab, folder, f'U-Boot on {board}', machine(board, ['-bios', str(UBOOT / 'qemu-x86/u-boot.rom')], 256), 'U-Boot 20', '=> ')


def ipxe_prompt(lab, folder, name, arguments):
    """iPXE's command line: it listens for Ctrl-B during two seconds. Without graphics the firmware puts its screen on the serial port."""
    (folder / name).mkdir(exist_ok=True)
    with Vm(lab.emulator, folder / name, arguments) as vm:
        vm.wait_text('Ctrl-B', lab.limit(30))
        deadline = time.monotonic() + lab.limit(20)
        while 'iPXE>' not in vm.text():
            if time.monotonic() > deadline:
                raise VmError(f'{name}: Ctrl-B leads to no prompt; last of the console: {vm.text()[-400:]!r}')
            press(vm, 'ctrl', 'b')
            time.sleep(0.3)
    print(f'# {name}: good', flush=True)


def boot_ipxe(lab, folder):
    """iPXE from a CD and from a network card's ROM reaches its prompt"""
    need('ipxe', IPXE / 'ipxe.iso')
    need('ipxe-qemu', IPXE / 'qemu/efi-virtio.rom')
    if lab.soak:
        ipxe_prompt(lab, folder, 'iPXE from a CD', machine('pc,graphics=off', drive(IPXE / 'ipxe.iso', 'ide-cd')))
    ipxe_prompt(lab, folder, 'iPXE in a ROM', machine('q35,graphics=off', [
        '-netdev', 'hubport,hubid=0,id=n', '-device', 'virtio-net-pci,netdev=n,bootindex=1']))


def seconds_shown(vm, limit):
    """Memtest86+'s clock."""
    shown = screen_shows(vm, r'Time:\s+(\d+):(\d\d):(\d\d)', limit)
    return int(shown[1]) * 3600 + int(shown[2]) * 60 + int(shown[3])


def picture(vm, folder, name):
    """What the screen shows, for docs/system/screens."""
    vm.qmp.execute('screendump', filename=str(folder / f'{name}.png'), format='png')
    if not (folder / f'{name}.png').read_bytes().startswith(b'\x89PNG'):
        raise VmError(f'{name}.png is no PNG')


def boot_screens(lab, folder):
    """SeaBIOS's boot menu, GRUB's menu and memtest86+ on the screen; keys choose, and memtest86+ counts up"""
    need('memtest86+', MEMTEST)
    cd, floppy = lab.scratch / 'memtest.iso', lab.scratch / 'floppy.img'
    floppy.write_bytes(boot.floppy())
    grub_cd(cd, [MEMTEST], SCREEN_GRUB)
    options = ['-vga', 'std', '-boot', 'menu=on,splash-time=30000', '-drive', f'if=floppy,format=raw,file={floppy}',
               '-drive', f'if=none,id=d,format=raw,file={cd},media=cdrom', '-device', 'ide-cd,bus=ide.1,drive=d']
    with Vm(lab.emulator, folder, machine('pc', options)) as vm:
        screen_shows(vm, 'Press ESC', lab.limit(30))
        press(vm, 'esc')
        choice = screen_shows(vm, r'(\d)\. DVD', lab.limit(10))[1]
        screen_shows(vm, r'\d\. Floppy', lab.limit(10))
        picture(vm, folder, 'seabios')
        press(vm, choice)
        screen_shows(vm, 'firmware', lab.limit(30))
        screen_shows(vm, 'command-line', lab.limit(10))
        picture(vm, folder, 'grub')
        press(vm, 'ret')
        first = seconds_shown(vm, lab.limit(40))
        deadline = time.monotonic() + lab.limit(20)
        while seconds_shown(vm, 1) <= first:
            if time.monotonic() > deadline:
                raise VmError(f'its clock stands still: {text_screen(vm)}')
            time.sleep(0.3)
        picture(vm, folder, 'memtest')
        print('# ' + '\n# '.join(line for line in text_screen(vm) if line), flush=True)
