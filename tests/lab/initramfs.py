# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds initial RAM file systems: busybox, kernel modules, our scripts, host programs with their libraries.

The archive is written directly (cpio "newc" format), so no root and no cpio program is needed, and not compressed, as an
emulated machine copies faster than it decompresses.
"""

import pathlib
import re
import stat
import subprocess

from kernel import LabError, output_of

# What fio is linked with for storage engines that the guests do not use: cluster file systems, RDMA, persistent memory.
# They would bring 80 MB of further libraries into every guest.
UNUSED_BY_FIO = re.compile(r'lib(gfapi|nbd|ibverbs|rdmacm|rados|rbd|pmem|pmemblk|curl|ssl|crypto|tirpc|iscsi)\.so')


class Archive:
    """A cpio archive that is put together in memory."""

    def __init__(self):
        self.parts = []
        self.inode = 0
        self.names = set()

    def _entry(self, name, mode, data=b'', device=(0, 0)):
        self.inode += 1
        name = name.strip('/')
        head = '070701' + ''.join(f'{value:08X}' for value in (
            self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, device[0], device[1], len(name) + 1, 0))
        text = head.encode() + name.encode() + b'\0'
        self.parts.append(text + b'\0' * (-len(text) % 4) + data + b'\0' * (-len(data) % 4))

    def folder(self, name):
        name = name.strip('/')
        if not name or name in self.names:
            return
        if '/' in name:
            self.folder(name.rsplit('/', 1)[0])
        self.names.add(name)
        self._entry(name, stat.S_IFDIR | 0o755)

    def _place(self, name):
        name = name.strip('/')
        if name in self.names:
            return False
        if '/' in name:
            self.folder(name.rsplit('/', 1)[0])
        self.names.add(name)
        return True

    def file(self, name, data, executable=False):
        if self._place(name):
            self._entry(name, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def link(self, name, target):
        if self._place(name):
            self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def node(self, name, major, minor):
        if self._place(name):
            self._entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def write(self, path):
        self._entry('TRAILER!!!', 0)
        data = b''.join(self.parts)
        path = pathlib.Path(path)
        scratch = path.with_suffix('.new')
        scratch.write_bytes(data + b'\0' * (-len(data) % 512))
        scratch.rename(path)


def base(archive, init):
    """busybox under all of its names, the console, and the init script."""
    busybox = pathlib.Path('/bin/busybox')
    if not busybox.exists():
        raise LabError('/bin/busybox is missing: scripts/install-packages.sh installs busybox-static')
    archive.file('bin/busybox', busybox.read_bytes(), True)
    for name in output_of([str(busybox), '--list']).split():
        archive.link('bin/' + name, 'busybox')
    for name in ('proc', 'sys', 'dev', 'tmp', 'mnt', 'run', 'etc'):
        archive.folder(name)
    archive.node('dev/console', 5, 1)
    archive.file('init', pathlib.Path(init).read_bytes(), True)


def modules(archive, kernel, wanted):
    """The modules and /modules/order, a list of files for insmod."""
    order = kernel.ordered(wanted)
    for name in order:
        archive.file(f'modules/{name}.ko', kernel.image(name))
    archive.file('modules/order', ''.join(f'/modules/{name}.ko\n' for name in order).encode())


def libraries(program):
    """(name, path) of each shared library of a program; the dynamic linker among them."""
    found = {}
    for line in output_of(['ldd', str(program)]).splitlines():
        match = re.match(r'\s*(\S+) => (/\S+)', line)
        if match:
            found[match[1]] = match[2]
        else:
            match = re.match(r'\s*(/\S*ld-linux\S*)', line)
            if match:
                found[match[1]] = match[1]
    return found


def program(archive, path):
    """A program of this machine, with all its libraries."""
    archive.file(str(path), pathlib.Path(path).read_bytes(), True)
    for name, source in libraries(path).items():
        target = name if name.startswith('/') else 'lib/' + name
        archive.file(target, pathlib.Path(source).read_bytes(), True)


def fio(archive, scratch):
    """fio with the libraries that it uses in a guest.

    It is linked against more than that. Their place takes one library, made here, in which each of their functions ends
    the program; fio calls them for engines only that the jobs do not name.
    """
    path = pathlib.Path('/usr/bin/fio')
    if not path.exists():
        raise LabError('/usr/bin/fio is missing: scripts/install-packages.sh installs it')
    needed = re.findall(r'NEEDED\s+(\S+)', output_of(['objdump', '-p', str(path)]))
    unused = [name for name in needed if UNUSED_BY_FIO.match(name)]
    resolved = libraries(path)
    # closure of what is used, and the symbols that it offers
    used, todo = {}, [name for name in needed if name not in unused]
    while todo:
        name = todo.pop()
        if name in used or name not in resolved:
            continue
        used[name] = resolved[name]
        todo += re.findall(r'NEEDED\s+(\S+)', output_of(['objdump', '-p', resolved[name]]))
    offered = set()
    for source in used.values():
        offered |= {word.split('@')[0] for word in re.findall(r'\S+$', output_of(
            ['nm', '-D', '--defined-only', source]), re.MULTILINE)}
    missing = {name: version for name, version in re.findall(
        r' U ([^\s@]+)(?:@(\S+))?', output_of(['nm', '-D', '--undefined-only', str(path)])) if name not in offered}
    code = '#include <stdlib.h>\n' + ''.join(f'void {name}(void);\nvoid {name}(void)\n{{\n    abort();\n}}\n'
                                             for name in sorted(missing))
    # the dynamic linker wants each function in the version that fio names
    versions = ''.join(f'{version} {{ global: ' + ' '.join(f'{name};' for name in missing if missing[name] == version) +
                       ' };\n' for version in sorted(set(missing.values()) - {''}))
    scratch = pathlib.Path(scratch)
    (scratch / 'unused.c').write_text(code)
    (scratch / 'unused.map').write_text(versions)
    subprocess.run(['gcc', '-w', '-fno-builtin', '-shared', '-fPIC', '-o', str(scratch / 'unused.so'),
                    str(scratch / 'unused.c')] +
                   (['-Wl,--version-script=' + str(scratch / 'unused.map')] if versions else []), check=True)
    archive.file('usr/bin/fio', path.read_bytes(), True)
    for name, source in used.items():
        archive.file('lib/' + name, pathlib.Path(source).read_bytes(), True)
    for name, source in resolved.items():
        if name.startswith('/'):
            archive.file(name, pathlib.Path(source).read_bytes(), True)
    archive.file('lib/unused.so', (scratch / 'unused.so').read_bytes(), True)
    for name in unused:
        archive.link('lib/' + name, 'unused.so')
