#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A real libvirtd runs machines of our emulator: TAP on the standard output.

The daemon is Debian's, unchanged, and has its folders to itself: the test runs in a mount namespace of its own, in which empty ones lie
over /etc/libvirt, /run/libvirt and so on. The guest is a boot sector that tells its name on the serial port and powers the machine off
when the power button is pressed. Needs root, /dev/kvm and the packages libvirt-daemon-system and libvirt-clients.
"""

import argparse
import json
import os
import pathlib
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

FOLDERS = ('/etc/libvirt', '/var/lib/libvirt', '/run/libvirt', '/var/log/libvirt', '/var/cache/libvirt')
CONFIG = '''user = "root"
group = "root"
security_driver = "none"
remember_owner = 0
namespaces = []
cgroup_controllers = []
'''
GREETING = 'BOOT SECTOR OF '
LIMIT = 120     # seconds for what takes one on a quiet machine


class Failure(Exception):
    pass


def boot_sector(name, pm_base):
    """16-bit code: name to port 3f8h; polls the power button's status bit (ACPI, PM1 status, bit 8), then enters S5."""
    code = bytes.fromhex('fa 31c0 8ed8 be0000')                         # cli; ds = 0; mov si, text
    code += bytes.fromhex('ba fd03 ec a820 74fb')                       # next: wait until the transmitter is empty
    code += bytes.fromhex('ac 84c0 7406 baf803 ee ebed')                # lodsb; 0: on; out 3f8h, al; jmp next
    poll = len(code)
    code += b'\xba' + struct.pack('<H', pm_base) + bytes.fromhex('ed f6c401 74fa')              # in ax; test ah, 1; jz
    code += b'\xba' + struct.pack('<H', pm_base + 4) + bytes.fromhex('b80020 ef f4 ebfd')       # out PM1 control, SLP_EN; hlt
    assert poll == 27, poll
    text = (GREETING + name + '\r\n').encode() + b'\0'
    code = code.replace(b'\xbe\0\0', b'\xbe' + struct.pack('<H', 0x7c00 + len(code)), 1) + text
    return code.ljust(510, b'\0') + b'\x55\xaa'


class Host:
    """virtlogd and libvirtd, started and ended by us."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = {}

    def start(self, name, *arguments):
        log = open(self.folder / f'{name}.log', 'ab')
        self.daemons[name] = subprocess.Popen(
            [f'/usr/sbin/{name}', '--pid-file', str(self.folder / f'{name}.pid'), *arguments], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log)
        log.close()

    def stop(self, name):
        child = self.daemons.pop(name)
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def start_libvirtd(self):
        self.start('libvirtd')
        until = time.monotonic() + LIMIT
        while self.virsh('version', check=False) is None:
            if time.monotonic() > until or self.daemons['libvirtd'].poll() is not None:
                raise Failure(f'libvirtd does not answer: {(self.folder / "libvirtd.log").read_text()[-600:]}')
            time.sleep(0.2)

    def virsh(self, *arguments, check=True, limit=LIMIT):
        """What virsh prints; without check None when it fails."""
        done = subprocess.run(['virsh', '-q', '-c', 'qemu:///system', *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=limit, check=False)
        if done.returncode and check:
            raise Failure(f'virsh {" ".join(map(str, arguments))}: {done.stderr.strip()}')
        return None if done.returncode else done.stdout

    def monitor(self, domain, command, **arguments):
        text = self.virsh('qemu-monitor-command', domain, json.dumps({'execute': command, 'arguments': arguments}))
        answer = json.loads(text)
        if 'return' not in answer:
            raise Failure(f'{command}: {text.strip()}')
        return answer['return']


class Test:
    def __init__(self, host, emulator, folder):
        self.host = host
        self.virsh = host.virsh
        self.emulator = emulator
        self.folder = folder

    def image(self, name, pm_base=None, mib=8):
        path = self.folder / f'{name}.img'
        path.write_bytes(boot_sector(name, pm_base).ljust(mib << 20, b'\0') if pm_base else bytes(mib << 20))
        return path

    def domain(self, name, machine, devices, more='', iothreads=2):
        xml = f'''<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name><memory unit='MiB'>128</memory><vcpu>2</vcpu><iothreads>{iothreads}</iothreads>
  <os><type arch='x86_64' machine='{machine}'>hvm</type></os>
  <features><acpi/><apic/><ioapic driver='qemu'/></features>
  <clock offset='utc'><timer name='rtc' tickpolicy='catchup'/><timer name='pit' tickpolicy='delay'/>
    <timer name='hpet' present='no'/></clock>
  <pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm>
  <devices><emulator>{self.emulator}</emulator>
    {devices}
    <controller type='usb' model='none'/>
    <serial type='pty'/><console type='pty'/>
    <input type='keyboard' bus='ps2'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <memballoon model='virtio'><stats period='5'/></memballoon>
    <video><model type='none'/></video>
  </devices>{more}
</domain>
'''
        path = self.folder / f'{name}.xml'
        path.write_text(xml)
        self.virsh('define', path)

    def console(self, name):
        """A descriptor of the guest's serial port."""
        return os.open(self.virsh('ttyconsole', name).strip(), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    @staticmethod
    def hear(fd, text, limit=LIMIT):
        heard = b''
        until = time.monotonic() + limit
        while text.encode() not in heard:
            if time.monotonic() > until:
                raise Failure(f'the guest does not say "{text}"; it said {heard[-200:]!r}')
            if select.select([fd], [], [], 1)[0]:
                try:
                    heard += os.read(fd, 4096)
                except (BlockingIOError, OSError):
                    time.sleep(0.1)

    def wait_state(self, name, state, limit=LIMIT):
        until = time.monotonic() + limit
        while (now := self.virsh('domstate', name).strip()) != state:
            if time.monotonic() > until:
                raise Failure(f'{name} is "{now}", not "{state}"')
            time.sleep(0.2)

    def wait_disks(self, name, target, there):
        until = time.monotonic() + LIMIT
        while (target in self.virsh('domblklist', name)) != there:
            if time.monotonic() > until:
                raise Failure(f'{target} is {"not " * there}in the list of disks')
            time.sleep(0.2)

    # --- the tests, in this order ---

    def capabilities(self):
        """libvirt finds out what the emulator can"""
        for machine, full in (('q35', 'pc-q35-'), ('pc', 'pc-i440fx-')):
            text = self.virsh('domcapabilities', '--emulatorbin', self.emulator, '--virttype', 'kvm', '--machine', machine)
            for pattern in (rf'<machine>{full}[\d.]+</machine>', "<iothreads supported='yes'/>", "mode name='host-passthrough' supported='yes'",
                            "<rng supported='yes'>", '<value>virtio</value>'):
                if not re.search(pattern, text):
                    raise Failure(f'domcapabilities of {machine} has no {pattern}')

    def start(self):
        """a q35 machine starts, with a disk on an IOThread and one that <qemu:commandline> moves through ioregionfd; the guest boots"""
        first, second = self.image('first', 0x600), self.image('second')
        devices = f'''
    <disk type='file' device='disk'><driver name='qemu' type='raw' iothread='1' io='io_uring' cache='none'/><source file='{first}'/>
      <target dev='vda' bus='virtio'/><boot order='1'/></disk>
    <disk type='file' device='disk'><driver name='qemu' type='raw' io='threads'/><source file='{second}'/>
      <target dev='vdb' bus='virtio'/></disk>
    <interface type='user'><model type='virtio'/></interface>'''
        more = '''
  <qemu:commandline><qemu:arg value='-object'/>
    <qemu:arg value='ioregionfd,id=ior0,iothread=iothread2,device=virtio-disk1,region=4'/></qemu:commandline>'''
        self.domain('first', 'q35', devices, more)
        self.virsh('start', '--paused', 'first')
        self.tty = self.console('first')
        self.virsh('resume', 'first')
        self.hear(self.tty, GREETING + 'first')
        self.wait_state('first', 'running')

    def homes(self):
        """each disk has the home that the XML gives it"""
        channels = {channel['id']: channel for channel in self.host.monitor('first', 'query-ioregionfd')}
        for channel, home, device in (('iothread1', 'iothread1', 'virtio-disk0'), ('ior0', 'iothread2', 'virtio-disk1')):
            owners = {region['owner'] for region in channels[channel]['regions']}
            if channels[channel]['home'] != home or not any(device in owner for owner in owners):
                raise Failure(f'{channel}: home {channels[channel]["home"]}, regions of {owners}')

    def figures(self):
        """domstats, domblkstat, domblkinfo, dommemstat, iothreadinfo, vcpuinfo"""
        text = self.virsh('domstats', 'first')
        for pattern in (r'vcpu\.current=2', r'iothread\.count=2', r'block\.count=2', r'balloon\.current=131072', r'block\.0\.rd\.reqs=[1-9]'):
            if not re.search(pattern, text):
                raise Failure(f'domstats has no {pattern}: {text}')
        if not re.search(r'rd_req [1-9]', self.virsh('domblkstat', 'first', 'vda')):
            raise Failure('domblkstat: the boot sector was not read')
        if str(8 << 20) not in self.virsh('domblkinfo', 'first', 'vdb'):
            raise Failure('domblkinfo: not 8 MiB')
        for command in ('dommemstat', 'iothreadinfo', 'vcpuinfo', 'domiflist', 'vcpupin'):
            self.virsh(command, 'first')

    def pause(self):
        """suspend and resume"""
        self.virsh('suspend', 'first')
        self.wait_state('first', 'paused')
        if self.host.monitor('first', 'query-status')['status'] != 'paused':
            raise Failure('the emulator does not say that it is paused')
        self.virsh('resume', 'first')
        self.wait_state('first', 'running')

    def reset(self):
        """reset: the guest boots again"""
        self.virsh('reset', 'first')
        self.hear(self.tty, GREETING + 'first')

    def iothreads(self):
        """IOThreads come, change and go"""
        self.virsh('iothreadadd', 'first', 5)
        self.virsh('iothreadset', 'first', 5, '--poll-max-ns', 20000)
        if 'iothread.5.poll-max-ns=20000' not in self.virsh('domstats', 'first', '--iothread'):
            raise Failure('the new IOThread does not show its polling limit')
        self.virsh('iothreaddel', 'first', 5)

    def disks(self):
        """disks are plugged in, resized and unplugged"""
        third = self.image('third')
        self.virsh('attach-disk', 'first', third, 'vdc', '--subdriver', 'raw')
        self.wait_disks('first', 'vdc', True)
        self.virsh('blockresize', 'first', 'vdc', '16M')
        if third.stat().st_size != 16 << 20:
            raise Failure('blockresize did not change the image')
        self.virsh('detach-disk', 'first', 'vdc')
        self.wait_disks('first', 'vdc', False)
        nodes = {node.get('file') for node in self.host.monitor('first', 'query-named-block-nodes')}
        if str(third) in nodes:
            raise Failure('the image is still open')

    def network(self):
        """the network link goes down and up; a NIC is plugged in and unplugged"""
        mac = re.search(r'52:54:00\S+', self.virsh('domiflist', 'first'))[0]
        self.virsh('domif-setlink', 'first', mac, 'down')
        self.virsh('domif-setlink', 'first', mac, 'up')
        xml = self.folder / 'nic.xml'
        xml.write_text("<interface type='user'><mac address='52:54:00:12:34:56'/><model type='virtio'/></interface>\n")
        self.virsh('attach-device', 'first', xml)
        self.virsh('detach-device', 'first', xml)
        until = time.monotonic() + LIMIT
        while '52:54:00:12:34:56' in self.virsh('domiflist', 'first'):
            if time.monotonic() > until:
                raise Failure('the NIC stays')
            time.sleep(0.2)

    def inputs(self):
        """setmem, send-key, inject-nmi, human monitor"""
        self.virsh('setmem', 'first', '100M')
        self.virsh('send-key', 'first', 'KEY_LEFTSHIFT', 'KEY_A')
        self.virsh('inject-nmi', 'first')
        if 'iothread2' not in self.virsh('qemu-monitor-command', 'first', '--hmp', 'info mtree -f'):
            raise Failure('info mtree -f does not tell that iothread2 serves the disk')

    def reconnect(self):
        """libvirtd is killed; a new one finds the machine as it was"""
        child = self.host.daemons.pop('libvirtd')
        child.kill()
        child.wait()
        self.host.start_libvirtd()
        self.wait_state('first', 'running')
        if 'iothread.count=2' not in self.virsh('domstats', 'first'):
            raise Failure('the new libvirtd does not know the IOThreads')
        self.virsh('suspend', 'first')
        self.virsh('resume', 'first')

    def shutdown(self):
        """shutdown: the guest sees the power button and powers off"""
        self.virsh('reset', 'first')
        self.hear(self.tty, GREETING + 'first')
        self.virsh('shutdown', 'first', '--mode', 'acpi')
        self.wait_state('first', 'shut off')
        log = (pathlib.Path('/var/log/libvirt/qemu/first.log')).read_text()
        if 'reason=shutdown' not in log:
            raise Failure(f'libvirt\'s log tells another end: {log[-300:]}')

    def pc(self):
        """a pc machine boots from IDE with a CD drive beside it, and is destroyed"""
        image = self.image('pc', 0x600)
        self.domain('pc', 'pc', f'''<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{image}'/>
      <target dev='hda' bus='ide'/></disk><disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>''')
        self.virsh('start', '--paused', 'pc')
        tty = self.console('pc')
        self.virsh('resume', 'pc')
        self.hear(tty, GREETING + 'pc')
        pid = int(pathlib.Path('/run/libvirt/qemu/pc.pid').read_text())
        self.virsh('destroy', 'pc')
        self.wait_state('pc', 'shut off')
        if pathlib.Path(f'/proc/{pid}').exists():
            raise Failure('the emulator is still there')

    def errors(self):
        """what cannot be started is said in one clear line"""
        self.domain('wrong', 'q35', f"<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{self.folder}/none.img'/>"
                                    "<target dev='vda' bus='virtio'/></disk>")
        done = subprocess.run(['virsh', '-q', '-c', 'qemu:///system', 'start', 'wrong'], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=LIMIT)
        if done.returncode == 0 or 'none.img' not in done.stderr:
            raise Failure(f'a missing image: status {done.returncode}, {done.stderr}')


TESTS = ('capabilities', 'start', 'homes', 'figures', 'pause', 'reset', 'iothreads', 'disks', 'network', 'inputs', 'reconnect', 'shutdown',
         'pc', 'errors')


def inside(options):
    """In the mount namespace: puts the folders in place and runs the tests."""
    for place in FOLDERS:
        folder = options.folder / 'root' / place[1:]
        folder.mkdir(parents=True)
        os.makedirs(place, exist_ok=True)
        subprocess.run(['mount', '--bind', str(folder), place], check=True)
    pathlib.Path('/etc/libvirt/qemu.conf').write_text(CONFIG)
    host = Host(options.folder)
    test = Test(host, options.emulator, options.folder)
    failed = 0
    print(f'1..{len(TESTS)}', flush=True)
    try:
        host.start('virtlogd')
        host.start_libvirtd()
        for number, name in enumerate(TESTS, 1):
            what = getattr(test, name)
            start = time.monotonic()
            try:
                what()
                print(f'ok {number} {name}: {what.__doc__}', flush=True)
            except (Failure, subprocess.SubprocessError, OSError, KeyError, ValueError, TypeError) as error:
                failed += 1
                for line in f'{type(error).__name__}: {error}'.splitlines():
                    print(f'# {line}')
                print(f'not ok {number} {name}: {what.__doc__}', flush=True)
            print(f'# {name} took {time.monotonic() - start:.1f} s', flush=True)
    except Failure as error:
        print(f'Bail out! {error}')
        failed = 1
    finally:
        for name in (host.virsh('list', '--name', check=False) or '').split() if 'libvirtd' in host.daemons else ():
            host.virsh('destroy', name, check=False)
        for name in list(host.daemons):
            host.stop(name)
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--emulator', required=True, type=pathlib.Path)
    parser.add_argument('--folder', type=pathlib.Path, help='(of the inner run)')
    options = parser.parse_args()
    options.emulator = options.emulator.resolve()
    if options.folder:
        return inside(options)
    missing = [name for name in ('/usr/sbin/libvirtd', '/usr/sbin/virtlogd', '/usr/bin/virsh') if not os.path.exists(name)]
    if missing:
        print(f'Bail out! {", ".join(missing)} missing: scripts/install-packages.sh installs libvirt')
        return 1
    reason = 'libvirtd wants root' if os.geteuid() else '' if os.access('/dev/kvm', os.R_OK | os.W_OK) else 'no /dev/kvm'
    if reason:
        print(f'1..1\nok 1 libvirt # SKIP {reason}')
        return 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix='libvirt-test-'))
    child = subprocess.Popen(['unshare', '--mount', '--propagation', 'private', sys.executable, os.path.abspath(__file__),
                              '--emulator', str(options.emulator), '--folder', str(folder)])
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    status = child.wait()
    if status == 0:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f'# logs are in {folder}')
    return status


if __name__ == '__main__':
    sys.exit(main())
