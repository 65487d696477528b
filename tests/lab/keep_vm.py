#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeps two small VMs in level 1, from "keep_vm.py start" to "keep_vm.py stop".

KVM rewrites instructions of the running kernel when the first VM comes and when the last one goes, when the first vCPU without a
local APIC comes, and the first whose APIC is off. Rarely, level 1's emulator goes on executing the breakpoint that stands there
meanwhile, for ever, and level 1 stands still. While these VMs are there KVM rewrites nothing.
"""

import fcntl
import os
import pathlib
import shlex
import signal
import sys
import time

KVM_CREATE_VM, KVM_CREATE_VCPU, KVM_CREATE_IRQCHIP = 0xAE01, 0xAE41, 0xAE60
KVM_GET_SREGS, KVM_SET_SREGS = 0x8138AE83, 0x4138AE84
SREGS = 0x138
APIC_BASE = 0x110       # of struct kvm_sregs, after segments, tables, control registers and EFER
APIC_ENABLED = 1 << 11
PID = pathlib.Path(os.environ.get('TMPDIR', '/tmp')) / 'keep_vm.pid'


def command(what):
    """Shell text for level 1; what is start or stop."""
    return shlex.join([sys.executable, str(pathlib.Path(__file__).resolve()), what])


def make_vms():
    """Returns the vCPUs' descriptors; what they belong to lives as long."""
    kvm = os.open('/dev/kvm', os.O_RDWR | os.O_CLOEXEC)
    bare = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
    vcpus = [fcntl.ioctl(bare, KVM_CREATE_VCPU, 0)]     # without a local APIC
    full = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
    fcntl.ioctl(full, KVM_CREATE_IRQCHIP, 0)
    vcpus += [fcntl.ioctl(full, KVM_CREATE_VCPU, number) for number in range(2)]    # with one that no software has enabled
    sregs = bytearray(SREGS)
    fcntl.ioctl(vcpus[2], KVM_GET_SREGS, sregs)
    base = int.from_bytes(sregs[APIC_BASE:APIC_BASE + 8], 'little')
    sregs[APIC_BASE:APIC_BASE + 8] = (base & ~APIC_ENABLED).to_bytes(8, 'little')   # ... and one that is off
    fcntl.ioctl(vcpus[2], KVM_SET_SREGS, bytes(sregs))
    return vcpus


def start():
    ready, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(tell)
        return 0 if os.read(ready, 1) == b'.' else 1
    os.setsid()
    vcpus = make_vms()
    PID.write_text(str(os.getpid()))
    os.write(tell, b'.')
    null = os.open('/dev/null', os.O_RDWR)
    for number in (0, 1, 2, tell):
        os.dup2(null, number)
    while vcpus:
        signal.pause()
    return 0


def stop():
    if not PID.exists():
        return 0
    pid = int(PID.read_text())
    PID.unlink()
    try:
        os.kill(pid, signal.SIGKILL)
        for _ in range(300):
            if ') Z ' in pathlib.Path(f'/proc/{pid}/stat').read_text():
                return 0
            time.sleep(0.1)
    except (ProcessLookupError, FileNotFoundError):
        return 0
    return 1


if __name__ == '__main__':
    if sys.argv[1:] not in (['start'], ['stop']):
        sys.exit(__doc__)
    sys.exit(start() if sys.argv[1] == 'start' else stop())
