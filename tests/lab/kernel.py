# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernel package, downloaded and unpacked below the build folder; never installed on this machine."""

import lzma
import os
import pathlib
import re
import shutil
import subprocess

META_PACKAGE = 'linux-image-amd64'


class LabError(Exception):
    """Something that the lab needs is not there; the text says what and what to do about it."""


def output_of(command, **more):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, **more).stdout


def real_package():
    """The package with the newest kernel, which Debian's meta package depends on."""
    found = re.search(r'^\s*(?:Pre)?Depends: (linux-image-\S+)',
                      output_of(['apt-cache', 'depends', META_PACKAGE]), re.MULTILINE)
    return found[1] if found else None


def download(folder, say):
    """Gets the package file into the folder; refreshes apt's lists when they do not lead to it."""
    for attempt in ('as the lists are', 'refreshed'):
        try:
            package = real_package()
            if package:
                say(f'downloading {package}')
                # apt drops its privileges to a user who may not write here; it says so and goes on
                output_of(['apt-get', '-qq', 'download', package], cwd=folder, timeout=600)
                return
        except subprocess.CalledProcessError as error:
            if attempt == 'refreshed':
                raise LabError(f'apt-get download {META_PACKAGE}: {error.stderr.strip()}') from error
        if attempt == 'as the lists are':
            update = ['apt-get', '-qq', 'update']
            if os.getuid() != 0:
                update.insert(0, 'sudo')
            subprocess.run(update, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=600)
    raise LabError(f'apt knows no package {META_PACKAGE}: is "main" of a Debian release among its sources?')


class Kernel:
    """An unpacked kernel package: vmlinuz and the modules with what they need."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.vmlinuz = next(self.root.glob('boot/vmlinuz-*'))
        self.version = self.vmlinuz.name[len('vmlinuz-'):]
        base = next(path for path in (self.root / 'lib/modules', self.root / 'usr/lib/modules') if path.is_dir())
        self.files = {}
        for path in (base / self.version).rglob('*.ko*'):
            self.files[path.name.split('.ko')[0].replace('-', '_')] = path
        listing = base / self.version / 'modules.builtin'
        self.builtin = {pathlib.Path(line).name.split('.ko')[0].replace('-', '_')
                        for line in listing.read_text().splitlines()} if listing.exists() else set()

    def image(self, name):
        """A module's bytes, unpacked."""
        path = self.files[name]
        data = path.read_bytes()
        if path.suffix == '.xz':
            return lzma.decompress(data)
        if path.suffix == '.zst':
            return subprocess.run(['zstd', '-dc', str(path)], check=True, capture_output=True).stdout
        return data

    def needs(self, name):
        """Names of the modules that must be there before this one; soft ones come first and may not exist."""
        data = self.image(name)
        soft = [word for text in re.findall(rb'\0softdep=pre: ([^\0]*)', data) for word in text.decode().split()]
        hard = re.search(rb'\0depends=([^\0]*)', data)
        return soft, [word for word in hard[1].decode().split(',') if word] if hard else []

    def ordered(self, wanted):
        """The wanted modules and all that they need, in the order to load them."""
        order = []

        def visit(name, must):
            name = name.replace('-', '_')
            if name in order or name in self.builtin:
                return
            if name not in self.files:
                if must:
                    raise LabError(f'{self.root}: this kernel has no module {name}')
                return
            soft, hard = self.needs(name)
            for other in soft:
                visit(other, False)
            for other in hard:
                visit(other, True)
            order.append(name)

        for name in wanted:
            visit(name, True)
        return order


def fetch(lab, say=lambda text: None):
    """Returns the Kernel below lab/kernel; downloads and unpacks it the first time."""
    final = pathlib.Path(lab) / 'kernel'
    if not final.is_dir():
        final.parent.mkdir(parents=True, exist_ok=True)
        scratch = final.with_name('kernel.new')
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        download(scratch, say)
        package = next(scratch.glob('*.deb'))
        say(f'unpacking {package.name}')
        output_of(['dpkg-deb', '-x', str(package), str(scratch)])
        package.unlink()
        scratch.rename(final)
    return Kernel(final)
