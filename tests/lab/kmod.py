# SPDX-License-Identifier: GPL-2.0-or-later
"""What kernel modules for the lab's kernel are built from: Debian's headers and source packages of exactly that kernel.

Downloaded and unpacked below the build folder; nothing is installed on this machine. Everything lies in lab/kmod:
headers/ (three packages, made usable where they lie), source.tar.xz, source/ (KVM's folders only).
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import keep_vm
from kernel import LabError, output_of

CONTRIB = pathlib.Path(__file__).resolve().parents[2] / 'contrib/kvm-ioregionfd'
# What KVM is built from, in the kernel's own layout.
KVM_FOLDERS = ('arch/x86/kvm', 'virt/kvm')


def banner(kernel):
    """The version text inside a bzImage; its place is told by the boot protocol (offset 0x20e)."""
    with open(kernel.vmlinuz, 'rb') as image:
        head = image.read(64 << 10)
    at = int.from_bytes(head[0x20e:0x210], 'little') + 0x200
    return head[at:head.index(b'\0', at)].decode(errors='replace')


def package_version(kernel):
    """The version of the Debian packages that a kernel comes from, 6.1.192-2 for example."""
    found = re.search(r' Debian (\S+) \(', banner(kernel))
    if not found:
        raise LabError(f'{kernel.vmlinuz}: "{banner(kernel)}" is not the banner of a Debian kernel')
    return found[1]


def series(kernel):
    """6.1 of 6.1.0-56-amd64: part of the names of the source and kbuild packages."""
    return '.'.join(kernel.version.split('.')[:2])


def download(package, version, folder):
    """Gets one package file of one version into the folder and returns its path."""
    command = ['apt-get', '-qq', 'download', f'{package}={version}']
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=900)
    found = sorted(pathlib.Path(folder).glob(f'{package}_*.deb'))
    if done.returncode or not found:
        raise LabError(f'{" ".join(command)}: {done.stderr.strip()}; if Debian has a newer kernel by now, remove the '
                       'build folder\'s lab/kernel and lab/kmod, and run "apt-get update"')
    return found[0]


def unpacked(final, make):
    """Calls make(scratch folder) and gives the folder its final name; does nothing where it has it already."""
    final = pathlib.Path(final)
    if not final.is_dir():
        final.parent.mkdir(parents=True, exist_ok=True)
        scratch = final.with_name(f'{final.name}.new')
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        make(scratch)
        scratch.rename(final)
    return final


def headers(lab, kernel, say=lambda text: None):
    """The folder to give to "make -C" for modules of this kernel."""
    base, _, flavour = kernel.version.rpartition('-')
    names = {f'linux-headers-{kernel.version}': package_version(kernel),
             f'linux-headers-{base}-common': package_version(kernel),
             f'linux-kbuild-{series(kernel)}': package_version(kernel)}

    def make(scratch):
        for name, version in names.items():
            say(f'downloading {name}')
            package = download(name, version, scratch)
            output_of(['dpkg-deb', '-x', str(package), str(scratch)])
            package.unlink()
        # The entry makefile names the common one by the path that it would be installed at.
        entry = scratch / 'usr/src' / f'linux-headers-{kernel.version}' / 'Makefile'
        text = entry.read_text().replace('/usr/src/', '$(dir $(realpath $(lastword $(MAKEFILE_LIST))))../')
        entry.write_text(text)

    root = unpacked(pathlib.Path(lab) / 'kmod/headers', make)
    found = root / 'usr/src' / f'linux-headers-{kernel.version}'
    if not found.is_dir():
        raise LabError(f'{root} holds the headers of another kernel than {kernel.version}: remove it')
    return found


def source_archive(lab, kernel, say=lambda text: None):
    """Debian's kernel source as it is, a tar file."""
    name = f'linux-source-{series(kernel)}'

    def make(scratch):
        say(f'downloading {name} (140 MB)')
        package = download(name, package_version(kernel), scratch)
        output_of(['dpkg-deb', '-x', str(package), str(scratch)])
        package.unlink()

    root = unpacked(pathlib.Path(lab) / 'kmod' / name, make)
    return next((root / 'usr/src').glob('*.tar.xz'))


def source(lab, kernel, say=lambda text: None, folders=KVM_FOLDERS):
    """KVM's part of the kernel source, unchanged, in a folder laid out like the kernel's."""
    def make(scratch):
        archive = source_archive(lab, kernel, say)
        say(f'unpacking {", ".join(folders)}')
        prefix = archive.name.removesuffix('.tar.xz')
        # tar stops at the end of a 1.4 GB archive: this takes 10 s once
        output_of(['tar', '-xf', str(archive), '-C', str(scratch), '--strip-components=1'] +
                  [f'{prefix}/{folder}' for folder in folders], timeout=600)

    root = unpacked(pathlib.Path(lab) / 'kmod/source', make)
    for folder in folders:
        if not (root / folder).is_dir():
            raise LabError(f'{root} has no {folder}: remove it')
    return root


def make_modules(headers_folder, folder, *arguments, limit=600):
    """Runs the kernel's own build for an external module; returns what it said, raises LabError with that if it failed."""
    jobs = len(os.sched_getaffinity(0))
    command = ['make', '-C', str(headers_folder), f'-j{jobs}', f'M={folder}', *arguments, 'modules']
    # What a make above this one has set is not for the kernel's.
    clean = {name: value for name, value in os.environ.items() if name not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL')}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=limit, env=clean)
    if done.returncode:
        raise LabError(f'{" ".join(command)} ended with status {done.returncode}:\n{done.stdout[-6000:]}')
    return done.stdout


def kvm(lab, kernel, say=lambda text: None, more=()):
    """Builds KVM with ioregionfd (contrib/kvm-ioregionfd/kvm); returns the modules' paths in the order to load them."""
    sys.path.insert(0, str(CONTRIB / 'kvm'))
    import build
    import hook
    base, folder = source(lab, kernel, say), headers(lab, kernel, say)
    say('building kvm.ko and kvm-amd.ko with ioregionfd')
    cache = ['DEBIAN_KERNEL_USE_CCACHE=1'] if shutil.which('ccache') else []
    try:
        return build.build(base, folder, pathlib.Path(lab) / 'kmod/kvm', [*cache, *more])
    except hook.HookError as error:
        raise LabError(f'contrib/kvm-ioregionfd/kvm: {error}') from error


def load_command(modules):
    """Shell text that puts these modules in the place of level 1's KVM; fails when it cannot."""
    lines = [unload_command()] + [f'busybox insmod {shlex.quote(str(path))}' for path in modules] + [keep_vm.command('start')]
    return ' && '.join(lines)


def unload_command():
    """Shell text that takes level 1's KVM away."""
    return keep_vm.command('stop') + ' && busybox rmmod kvm_amd kvm'


def engine_command(engine, lab, kernel, say=lambda text: None):
    """(shell text that gives level 1 an engine of ioregionfd, files that it needs); builds what is missing."""
    if engine != 'kvm':
        return '', []
    modules = kvm(lab, kernel, say)
    return load_command(modules) + ' || exit 1\n', modules
