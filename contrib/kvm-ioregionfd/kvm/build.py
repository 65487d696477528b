#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds kvm.ko and kvm-amd.ko with ioregionfd, outside of the kernel's tree.

Needs a kernel source of which arch/x86/kvm and virt/kvm are used (linux-source-6.1 of the running kernel's version), and that
kernel's headers. The source is copied to the output folder, changed there (hook.py), and built.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import hook  # noqa: E402

FOLDERS = ('arch/x86/kvm', 'virt/kvm')
PLACE = 'arch/x86/kvm/ioregionfd'
UAPI = HERE.parents[2] / 'linux-headers/linux'


def digest(folders):
    """Tells whether what was copied is still what lies there."""
    whole = hashlib.sha256((HERE / 'hook.py').read_bytes())
    for folder in folders:
        for path in sorted(folder.rglob('*')):
            if path.is_file():
                state = path.stat()
                whole.update(f'{path} {state.st_size} {state.st_mtime_ns}\n'.encode())
    return whole.hexdigest()


def copy_kernel(source, out):
    """A changed copy of KVM's folders below out; kept if nothing is newer."""
    stamp, now = out / 'copied-from', digest([source / folder for folder in FOLDERS])
    if stamp.exists() and stamp.read_text() == now:
        return
    if out.is_dir() and any(out.iterdir()) and not stamp.exists():
        raise hook.HookError(f'{out} is not empty and was not made by this program: name a new folder')
    shutil.rmtree(out, ignore_errors=True)
    for folder in FOLDERS:
        if not (source / folder).is_dir():
            raise hook.HookError(f'{source} has no {folder}: it is not the root of a kernel source')
        shutil.copytree(source / folder, out / folder)
    # First, so that a folder that could not be finished may be replaced
    stamp.write_text('not finished')
    hook.apply(out)
    # The trace headers name themselves by a path from include/trace.
    (out / 'include/trace').mkdir(parents=True)
    stamp.write_text(now)


def copy_ours(out):
    """Our own files, beside KVM's; only those that differ, so that no more is built than needed."""
    wanted = {}
    for folder, place, patterns in ((HERE, PLACE, ('*.c', '*.h', 'Kbuild')), (HERE.parent / 'core', f'{PLACE}/core', ('*.c', '*.h')),
                                    (UAPI, f'{PLACE}/uapi/linux', ('*.h',))):
        for pattern in patterns:
            for path in folder.glob(pattern):
                wanted[out / place / path.name] = path.read_bytes()
    for path, content in wanted.items():
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for path in (out / PLACE).rglob('*.[ch]'):
        if path not in wanted and not path.name.endswith('.mod.c'):
            path.unlink()


def command(headers, out, more):
    """What builds it: the kernel's own build, told where the rest lies."""
    return ['make', '-C', str(headers), f'M={out / "arch/x86/kvm"}', f'-j{len(os.sched_getaffinity(0))}', 'CONFIG_KVM_INTEL=n',
            f'KCFLAGS=-I{out / "include/trace"}', *more, 'modules']


def build(source, headers, out, more=()):
    """Returns the paths of the modules, in the order to load them; raises HookError with what was said if it cannot be built."""
    source, headers, out = (pathlib.Path(path).resolve() for path in (source, headers, out))
    copy_kernel(source, out)
    copy_ours(out)
    clean = {name: value for name, value in os.environ.items() if name not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL')}
    done = subprocess.run(command(headers, out, more), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, env=clean)
    (out / 'build.log').write_text(done.stdout)
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if 'error' in line.lower() or 'undefined' in line]
        raise hook.HookError(f'the build failed, see {out / "build.log"}:\n' + '\n'.join(lines[:30]))
    return [out / 'arch/x86/kvm' / name for name in ('kvm.ko', 'kvm-amd.ko')]


def main():
    release = os.uname().release
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--source', type=pathlib.Path, required=True, help='root of the unpacked kernel source')
    parser.add_argument('--headers', type=pathlib.Path, default=f'/lib/modules/{release}/build', help='[%(default)s]')
    parser.add_argument('--out', type=pathlib.Path, required=True, help='folder for the copy; what it held before goes')
    parser.add_argument('more', nargs='*', help='for make: C=2, W=1, CONFIG_KVM_INTEL=m')
    options = parser.parse_args()
    try:
        for path in build(options.source, options.headers, options.out, options.more):
            print(path)
    except hook.HookError as error:
        print(f'build.py: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
