# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guests of the lab boot from, made once below build/lab: kernel, initial RAM file systems, disk images."""

import pathlib
import shutil
import subprocess

import initramfs
import kernel

HERE = pathlib.Path(__file__).resolve().parent
LEVEL1_MODULES = ['9p', '9pnet_virtio', 'virtio_pci', 'kvm_amd', 'tun']
# crc32c is wanted by ext4 through the crypto API, crct10dif and crc64 by the NVMe driver
GUEST_MODULES = ['crc32c_generic', 'crct10dif_generic', 'crc64_rocksoft_generic', 'ext4', 'nvme', 'virtio_pci',
                 'virtio_mmio', 'virtio_blk', 'null_blk', 'virtio_net', 'af_packet', 'virtio_scsi', 'sd_mod', 'sr_mod', 'floppy']
# The guest of the power cuts wants xfs, and not all the rest: it boots often.
POWER_CUT_MODULES = ['crc32c_generic', 'ext4', 'xfs', 'nvme', 'virtio_pci', 'virtio_blk']
# For the guests' command line. noearly: on AMD this kernel looks for an AGP aperture on 256 buses before it knows which there
# are, with 130,000 port accesses; that is most of a boot on an emulated machine.
GUEST_APPEND = 'console=ttyS0 panic=-1 quiet loglevel=4 pci=noearly'
TOOL_PATH = '/usr/sbin:/sbin:/usr/bin:/bin'


def tool(name):
    """A program of e2fsprogs; on Debian those are not in an ordinary user's PATH."""
    found = shutil.which(name, path=TOOL_PATH)
    if not found:
        raise kernel.LabError(f'{name} is missing: scripts/install-packages.sh installs it')
    return found


class Images:
    """Paths of everything; made when it is older than the scripts that it is made from."""

    def __init__(self, build, say=lambda text: None):
        self.lab = pathlib.Path(build).resolve() / 'lab'
        self.kernel = kernel.fetch(self.lab, say)
        self.vmlinuz = self.kernel.vmlinuz
        sources = [path for path in HERE.rglob('*') if path.is_file() and '__pycache__' not in path.parts]
        newest = max(path.stat().st_mtime for path in sources)
        self.level1 = self.lab / 'level1.cpio'
        self.guest = self.lab / 'guest.cpio'
        self.power_cut = self.lab / 'power-cut.cpio'
        for path, make in ((self.level1, self._make_level1), (self.guest, self._make_guest), (self.power_cut, self._make_power_cut)):
            if not path.exists() or path.stat().st_mtime < newest:
                say(f'making {path.name}')
                make(path)

    def _make_level1(self, path):
        archive = initramfs.Archive()
        initramfs.base(archive, HERE / 'guest/level1-init')
        initramfs.modules(archive, self.kernel, LEVEL1_MODULES)
        archive.write(path)

    def _make_power_cut(self, path):
        program = self.lab / 'records'
        subprocess.run(['gcc', '-O2', '-Wall', '-Wextra', '-o', str(program), str(HERE / 'guest/records.c')], check=True)
        archive = initramfs.Archive()
        initramfs.base(archive, HERE / 'guest/init')
        initramfs.modules(archive, self.kernel, POWER_CUT_MODULES)
        archive.file('bin/records', program.read_bytes(), True)
        for name, source in initramfs.libraries(program).items():
            archive.file(name if name.startswith('/') else 'lib/' + name, pathlib.Path(source).read_bytes(), True)
        archive.file('jobs/power-cut', (HERE / 'guest/jobs/power-cut').read_bytes())
        archive.write(path)

    def _make_guest(self, path):
        archive = initramfs.Archive()
        initramfs.base(archive, HERE / 'guest/init')
        initramfs.modules(archive, self.kernel, GUEST_MODULES)
        initramfs.fio(archive, self.lab)
        initramfs.program(archive, '/usr/bin/date')      # busybox's has no nanoseconds
        for job in sorted((HERE / 'guest/jobs').iterdir()):
            archive.file(f'jobs/{job.name}', job.read_bytes())
        archive.write(path)


def make_ext4(path, mib, files, block=None):
    """A raw image with an ext4 file system and some files ({name: text}); needs no root. block: bytes of the file system's blocks."""
    path = pathlib.Path(path)
    content = path.with_suffix('.files')
    shutil.rmtree(content, ignore_errors=True)
    content.mkdir(parents=True)
    for name, text in files.items():
        (content / name).write_text(text)
    with open(path, 'wb') as image:
        image.truncate(mib << 20)
    subprocess.run([tool('mkfs.ext4'), '-q', '-F', *(['-b', str(block)] if block else []), '-E', 'lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0',
                    '-d', str(content), str(path)], check=True, stdin=subprocess.DEVNULL)
    shutil.rmtree(content)


def make_blank(path, mib):
    """A raw image whose every block was written, so that no first touch shows up in a measurement."""
    block = b'\xa5' * (1 << 20)
    with open(path, 'wb') as image:
        for _ in range(mib):
            image.write(block)


def fsck(path):
    """Returns None for a clean ext4 file system, else what e2fsck said."""
    done = subprocess.run([tool('e2fsck'), '-fn', str(path)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=120)
    return None if done.returncode == 0 else done.stdout + done.stderr


def read_file(path, name):
    """A file's text inside an ext4 image."""
    done = subprocess.run([tool('debugfs'), '-R', f'cat /{name}', str(path)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, errors='replace', check=False, timeout=60)
    return done.stdout
