#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The level-1 kernel of "make soak": linux-source-6.1 with lock, RCU, sleep, address and leak checks (debug.config).

It is built once below build/lab/debug-kernel, which takes a while, and used by level1.run() like Debian's. Nothing is
installed on this machine.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import initramfs  # noqa: E402
import kernel  # noqa: E402
import kmod  # noqa: E402
from kernel import LabError, output_of  # noqa: E402

CONFIG = HERE / 'debug.config'
TARGETS = ['bzImage', 'modules']
MODULES = ['irqbypass', 'kvm', 'kvm_amd']   # in the order to load them
# seconds for a build on a slow machine
LIMIT = 3600


def logged(command, log, limit, folder):
    """Runs a command into a log; its status, or None when it took too long."""
    with open(log, 'ab') as out:
        try:
            return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=limit,
                                  check=False).returncode
        except subprocess.TimeoutExpired:
            return None


def last_lines(log, count=12):
    return ''.join(f'\n    | {line}' for line in log.read_text(errors='replace').splitlines()[-count:])


class DebugKernel:
    """Takes the place of images.Images for level1.run(): vmlinuz, level1, lab; tree is what modules are built against."""

    def __init__(self, lab, say=lambda text: None, jobs=None):
        self.lab = pathlib.Path(lab).resolve()
        self.folder = self.lab / 'debug-kernel'
        self.tree = self.folder / 'source'
        self.vmlinuz = self.tree / 'arch/x86/boot/bzImage'
        self.level1 = self.folder / 'level1.cpio'
        self.log = self.folder / 'build.log'
        self.folder.mkdir(parents=True, exist_ok=True)
        self.jobs = jobs or os.cpu_count() or 1
        if not self.tree.is_dir():
            self._unpack(say)
        if self._configure(say) or not self.vmlinuz.exists():
            self._build(say)
        self._initramfs()

    def _unpack(self, say):
        archive = kmod.source_archive(self.lab, kernel.fetch(self.lab, say), say)
        scratch = self.folder / 'new'
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        say('unpacking the whole kernel source')
        output_of(['tar', '-C', str(scratch), '--strip-components=1', '-xf', str(archive)], timeout=1200)
        scratch.rename(self.tree)

    def _configure(self, say):
        """Returns whether the configuration is another than the one that was built."""
        wanted = CONFIG.read_text()
        mark = self.folder / 'configured'
        if mark.exists() and mark.read_text() == wanted and (self.tree / '.config').exists():
            return False
        say('configuring the kernel with lock checks')
        self.vmlinuz.unlink(missing_ok=True)
        self.log.write_text('')
        if logged(['make', f'KCONFIG_ALLCONFIG={CONFIG}', 'allnoconfig'], self.log, 300, self.tree) != 0:
            raise LabError(f'the kernel cannot be configured (flex and bison are there?){last_lines(self.log)}')
        got = set((self.tree / '.config').read_text().splitlines())
        missing = [line for line in wanted.splitlines() if line.startswith('CONFIG_') and line not in got]
        if missing:
            raise LabError(f'this kernel source does not take {", ".join(missing)} of {CONFIG.name}')
        mark.write_text(wanted)
        return True

    def _build(self, say):
        say(f'building a kernel with lock checks; this takes long, its log is {self.log}')
        status = logged(['nice', 'make', f'-j{self.jobs}', *TARGETS], self.log, LIMIT, self.tree)
        if status is None:
            raise LabError(f'the kernel is not built after {LIMIT} s; the next run goes on with it')
        if status != 0:
            raise LabError(f'the kernel cannot be built{last_lines(self.log)}')

    def module(self, name):
        return next(path for path in self.tree.rglob(name.replace('_', '[-_]') + '.ko'))

    def _initramfs(self):
        init = HERE / 'guest/level1-init'
        newest = max(path.stat().st_mtime for path in (init, self.vmlinuz, HERE / 'initramfs.py', CONFIG))
        if self.level1.exists() and self.level1.stat().st_mtime >= newest:
            return
        archive = initramfs.Archive()
        initramfs.base(archive, init)
        for name in MODULES:
            archive.file(f'modules/{name}.ko', self.module(name).read_bytes())
        archive.file('modules/order', ''.join(f'/modules/{name}.ko\n' for name in MODULES).encode())
        archive.write(self.level1)


def main():
    parser = argparse.ArgumentParser(description='Builds the kernel and boots level 1 with it: are the checks alive?')
    parser.add_argument('--build', default='build', type=pathlib.Path)
    parser.add_argument('--limit', type=int, default=300)
    parser.add_argument('command', nargs='?', default='uname -a; ls -l /dev/kvm; lsmod; cut -d" " -f1 /proc/uptime')
    options = parser.parse_args()
    import level1
    try:
        debug = DebugKernel(options.build / 'lab', lambda text: print(f'# {text}', flush=True))
    except (LabError, subprocess.SubprocessError) as error:
        print(error)
        return 1
    result = level1.run(debug, options.command, debug.lab / 'run-debug', options.limit, print, needs=[HERE],
                        on_line=print)
    print(*result.trouble, sep='\n')
    return 0 if result.status == 0 and not result.trouble else 1


if __name__ == '__main__':
    sys.exit(main())
