# SPDX-License-Identifier: GPL-2.0-or-later
"""Level 1: Debian's kernel in Debian's emulator, whose emulated SVM gives it a working /dev/kvm.

The guest sees this machine's files read-only at their own paths, and a folder of the run to write to.
"""

import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import keep_vm
from kernel import LabError
from vm import Qmp, VmError

PEER = 'qemu-system-x86_64'
# Level 1 says this every few seconds on its second serial port, as long as it runs at all
ALIVE = 'level 1: alive'
SILENCE = 300   # seconds of this machine without it: level 1 stands still
# What a kernel says when something is wrong with it
TROUBLE = re.compile(r'WARNING: |BUG: |Oops: |kernel BUG at|rcu: INFO|INFO: task .* blocked|soft lockup|Kernel panic')
LATE = re.compile(r'soft lockup|rcu: INFO|detected stalls')    # ... that a machine which stood still also says
KERNEL_HALF, KERNEL_TEXT = 0xffff800000000000, 0xffffffff80000000
IST1 = 0x24     # in a task state segment; Linux takes double faults there
STORY = 60      # lines that belong to one complaint
STARVED = 20, 5     # in so many seconds the emulator got fewer than that of processor time
KVM_GET_API_VERSION = 0xAE00


def hardware_kvm():
    """True where Linux guests run on this machine's KVM; False where it emulates them instruction by instruction."""
    try:
        flags = re.search(r'^flags\s*:(.*)$', pathlib.Path('/proc/cpuinfo').read_text(), re.MULTILINE)
        if not flags or not {'svm', 'vmx'} & set(flags[1].split()):
            return False
        with open('/dev/kvm', 'rb+', buffering=0) as kvm:
            return fcntl.ioctl(kvm, KVM_GET_API_VERSION) == 12
    except OSError:
        return False


def peer():
    """Debian's emulator; not one of ours that happens to come first in PATH."""
    found = shutil.which(PEER, path='/usr/bin:/usr/libexec')
    if not found:
        raise LabError(f'/usr/bin/{PEER} is missing: scripts/install-packages.sh installs qemu-system-x86')
    return found


def scratch_place(avoid):
    """A folder of this machine to mount a tmpfs on in level 1, in which none of the needed files lies."""
    for place in ('/mnt', '/srv', '/media', '/opt', '/run'):
        if os.path.isdir(place) and not any(str(path).startswith(place + '/') for path in avoid):
            return place
    raise LabError('none of /mnt, /srv, /media, /opt, /run is free of this project to be level 1\'s scratch folder')


class Result:
    def __init__(self, status, trouble, seconds, folder, fault=None):
        self.status = status        # of the command; None when it did not end in time
        self.trouble = trouble      # lines of level 1's kernel log that tell of its trouble, and what follows the first
        self.seconds = seconds
        self.folder = folder        # what the command wrote to "$OUT"
        self.fault = fault          # why level 1 ended, where that was its emulator's own doing: run it again


def lost_its_stack(registers):
    """True if a processor met a double fault in level 1's kernel with a guest's task register, by "info registers -a": what it looked for last
    is where that task has its first interrupt stack."""
    for part in registers.split('CPU#'):
        found = re.search(r'RIP=(\w+).*CPL=0.*^TR =\w+ (\w+).*CR2=(\w+)', part, re.DOTALL | re.MULTILINE)
        if not found:
            continue
        rip, task, fault = (int(word, 16) for word in found.groups())
        if rip >= KERNEL_TEXT and task < KERNEL_HALF and fault == task + IST1:
            return True
    return False


def emulator_fault(console, registers=''):
    """A sentence if level 1's kernel log or its processors show what only its emulator can have done, else None.

    Debian's emulator, rarely, delivers an interrupt to level 1 between #VMEXIT and STGI, where the processor holds all of
    them back (AMD64 manual, volume 2, 15.17). The kernel runs with the guest's GS base then: each page fault faults again
    until the stack is used up.
    """
    overflow = console.find('stack guard page was hit')
    if overflow >= 0 and re.search(r'asm_(sysvec|common_interrupt)\S*\n.*RIP: 0010:__svm_vcpu_run', console[overflow:]):
        return 'level 1\'s emulator interrupted it between #VMEXIT and STGI'
    # The same where the guest's task register is loaded still: the double fault finds no stack, and level 1 ends without a word.
    if lost_its_stack(registers) and not TROUBLE.search(console):
        return 'level 1\'s emulator interrupted it while a guest\'s task register was loaded'
    # The kernel changes its own code by way of a breakpoint; a processor that goes on executing that breakpoint after it is gone
    # has not seen the change.
    if re.search(r'(soft lockup|detected stalls).*RIP: 0010:asm_exc_int3', console, re.DOTALL):
        return 'a CPU of level 1\'s emulator did not see a change of the kernel\'s code'
    return None


def complaints(console):
    """The lines of a kernel log that tell of trouble; after the first come those that follow it: registers, the stack."""
    lines = console.splitlines()
    found = [number for number, line in enumerate(lines) if TROUBLE.search(line)]
    if not found:
        return []
    story = range(found[0], min(found[0] + STORY, len(lines)))
    return [lines[number] for number in story] + [lines[number] for number in found if number not in story]


def healthy(trouble):
    """The text of the test that level 1's kernel was content; names the first of its complaints."""
    return 'level 1\'s kernel has nothing to complain about' + (f' (not so: {trouble[0].strip()})' if trouble else '')


class Pulse:
    """How much processor time this machine gives a process, second by second."""

    def __init__(self, pid):
        self.stat = pathlib.Path(f'/proc/{pid}/stat')
        self.samples = []

    def look(self):
        now = time.monotonic()
        if self.samples and now - self.samples[-1][0] < 1:
            return
        try:
            words = self.stat.read_text().rpartition(')')[2].split()
        except OSError:
            return
        self.samples.append((now, (int(words[11]) + int(words[12])) / os.sysconf('SC_CLK_TCK')))

    def starved(self):
        """The least that it got in STARVED[0] seconds, if that was too little; else None."""
        least = None
        first = 0
        for now, used in self.samples:
            while now - self.samples[first + 1][0] >= STARVED[0] if first + 1 < len(self.samples) else False:
                first += 1
            if now - self.samples[first][0] >= STARVED[0]:
                got = used - self.samples[first][1]
                least = got if least is None else min(least, got)
        return least if least is not None and least < STARVED[1] else None


class End:
    """Waits for level 1's end, by QMP: its emulator pauses then, so that one can see what its processors were at."""

    def __init__(self, place, child):
        self.qmp = Qmp(place / 'qmp', 60, lambda: child.poll() is None)
        self.reason = None      # QMP's word, once it has come; guest-shutdown is a power-off
        self.registers = ''     # unless it was one

    @staticmethod
    def arguments(place):
        return ['-action', 'shutdown=pause', '-qmp', f'unix:{place}/qmp,server=on,wait=off']

    def note_registers(self):
        self.registers = self.qmp.execute('human-monitor-command', limit=20, command_line='info registers -a')

    def look(self):
        """Once it has come, the emulator is told to go."""
        if self.reason:
            return
        try:
            event = self.qmp.poll_event('SHUTDOWN')
            if not event:
                return
            self.reason = event['data'].get('reason', 'unknown')
            if self.reason != 'guest-shutdown':
                self.note_registers()
            self.qmp.execute('quit', limit=20)
        except (VmError, OSError):
            self.reason = self.reason or 'the emulator is gone'


def run_again(attempts, say, *arguments, **named):
    """run(), and once more when level 1 dies of its emulator; for commands that may be run from their beginning again."""
    for attempt in range(1, attempts + 1):
        result = run(*arguments, **named)
        if not result.fault or attempt == attempts:
            return result
        say(f'{result.fault}: not this project\'s doing; once more')
    return None


def run(images, command, folder, limit, say, needs=(), cpus=2, memory=3072, icount=False, in_turn=False, on_line=None,
        more=(), on_start=None):
    """Boots level 1, runs a shell command in it, and powers off.

    The command finds OUT (a folder that is shared with this machine) and TMPDIR (a tmpfs) in its environment. Every
    line that it says goes to on_line as it comes; limit is in seconds, for everything together.

    in_turn: its processors take turns. With a thread for each, Debian's emulator now and then delivers an interrupt on the way from a guest
    to its host, or the host's to the guest; four vCPUs on an unchanged KVM that do nothing but leave their guest meet that within minutes.
    """
    folder = pathlib.Path(folder).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    out = folder / 'out'
    out.mkdir(parents=True)
    scratch = scratch_place([folder, images.lab, pathlib.Path(keep_vm.__file__), *needs])
    (out / 'script').write_text(f'''export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME={scratch}/tmp LANG=C.UTF-8
export OUT={scratch}/out TMPDIR={scratch}/tmp PYTHONDONTWRITEBYTECODE=1
cd {scratch}/tmp
{keep_vm.command('start')}
{command}
''')
    console, speech = folder / 'console.log', folder / 'speech.log'
    for path in (console, speech):
        path.touch()
    arguments = [peer(), '-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'q35', '-cpu', 'max',
                 '-m', str(memory), '-no-reboot', '-nic', 'none',
                 '-chardev', f'file,id=console,path={console}', '-serial', 'chardev:console',
                 '-chardev', f'file,id=speech,path={speech}', '-serial', 'chardev:speech',
                 '-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap',
                 '-device', 'virtio-9p-pci,fsdev=host,mount_tag=host',
                 '-fsdev', f'local,id=out,path={out},security_model=none',
                 '-device', 'virtio-9p-pci,fsdev=out,mount_tag=out',
                 '-kernel', str(images.vmlinuz), '-initrd', str(images.level1),
                 '-append', f'console=ttyS0 panic=-1 quiet loglevel=5 nohz=off highres=off lab.scratch={scratch}']
    if not icount:
        # Its emulator stores byte by byte, slowly, where code of an earlier guest lay.  A huge page that is cleared when it is allocated
        # keeps the CPU for 20 seconds then, and the kernel complains; one that is cleared later is cleared in steps.
        arguments[-1] += ' init_on_alloc=0'
    if icount:
        arguments += ['-accel', 'tcg,thread=single', '-smp', '1', '-icount', 'shift=0,sleep=off']
    else:
        arguments += ['-accel', f'tcg,thread={"single" if in_turn else "multi"}', '-smp', str(cpus)]
    # A socket's path must be short, the folder's need not be.
    place = pathlib.Path(tempfile.mkdtemp(prefix='level1-'))
    start = alive = time.monotonic()
    said = 0
    fault = end = None
    with open(folder / 'emulator.log', 'wb') as log:
        child = subprocess.Popen([*arguments, *more, *End.arguments(place)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if on_start:
        on_start(child)
    pulse = Pulse(child.pid)
    try:
        end = End(place, child)
        with open(speech, 'r', errors='replace', newline='\n') as text:
            partial = ''
            while True:
                ended = child.poll() is not None
                pulse.look()
                end.look()
                partial += text.read()
                *lines, partial = partial.split('\n')
                for line in lines:
                    if line.startswith(ALIVE):
                        alive = time.monotonic()
                        continue
                    said += 1
                    if on_line:
                        on_line(line.rstrip('\r'))
                if ended:
                    break
                if time.monotonic() - start > limit:
                    say(f'level 1 took more than {limit} s; stopping it')
                    end.note_registers()
                    break
                if said and time.monotonic() - alive > SILENCE:
                    fault = f'level 1 stood still for {SILENCE} s'
                    end.note_registers()
                    break
                time.sleep(0.1)
    except VmError as error:
        say(f'level 1\'s emulator: {error}')
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
    if end and end.registers:
        (folder / 'registers.log').write_text(end.registers.replace('\r', ''))
        say(f'level 1 did not power off ({end.reason or "it was stopped"}); see {folder}/registers.log')
    log = console.read_text(errors='replace')
    fault = fault or emulator_fault(log, end.registers if end and end.reason == 'guest-reset' else '')
    trouble = complaints(log)
    starved = pulse.starved()
    if trouble and starved is not None and all(LATE.search(line) for line in trouble if TROUBLE.search(line)):
        # A kernel that spins keeps its emulator busy; this one's was not let run.
        say(f'level 1\'s emulator got {starved:.1f} s of processor time in {STARVED[0]} s; so this does not count: {trouble[0]}')
        trouble = []
    status_file = out / 'status'
    status = int(status_file.read_text()) if status_file.exists() else None
    if said == 0:
        trouble.append(f'level 1 said nothing (see {console} and {folder / "emulator.log"})')
    return Result(status, trouble, time.monotonic() - start, out, fault if status is None else None)
