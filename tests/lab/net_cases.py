# SPDX-License-Identifier: GPL-2.0-or-later
"""Cases about networks: DHCP, ping, and a transfer by HTTP both ways, over user-mode networks and over a tap interface."""

import functools
import hashlib
import http.server
import os
import random
import socket
import subprocess
import threading
import time
import urllib.request

from vm import VmError, Vm

TAP = 'labtap0'
TAP_HOST, TAP_GUEST = '192.168.77.1', '192.168.77.2'


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *_):
        pass


def free_port():
    """A TCP port of the loopback interface that nobody uses now."""
    with socket.socket() as one:
        one.bind(('127.0.0.1', 0))
        return one.getsockname()[1]


def loopback_up():
    """Level 1 begins without."""
    subprocess.run(['/bin/busybox', 'ip', 'link', 'set', 'lo', 'up'], check=False, stderr=subprocess.DEVNULL)


def make_blob(lab, mib):
    """A folder with a file "blob" of that size, which no compression or zero page helps with; its digest."""
    folder = lab.scratch / 'www'
    folder.mkdir(exist_ok=True)
    data = random.Random(mib).randbytes(mib << 20)
    (folder / 'blob').write_bytes(data)
    return folder, hashlib.sha256(data).hexdigest()


def digest_of(url, limit):
    """Fetches a URL; its SHA-256 and how many seconds that took."""
    start, digest = time.monotonic(), hashlib.sha256()
    with urllib.request.urlopen(url, timeout=limit) as answer:
        while data := answer.read(1 << 16):
            digest.update(data)
    return digest.hexdigest(), time.monotonic() - start


def transfer(lab, vm, digest, guest, done):
    """The guest has fetched the blob; it is fetched from the guest; then the guest is told that this was all."""
    found = vm.wait_text(r'GUEST sha256 (\w{64})', lab.limit(600 if lab.soak else 60))
    if found[1] != digest:
        raise VmError(f'the guest received something else: {found[1]} instead of {digest}')
    vm.wait_text('GUEST serves', lab.limit(20))
    got, seconds = digest_of(f'http://{guest[0]}:{guest[1]}/blob', lab.limit(600 if lab.soak else 60))
    if got != digest:
        raise VmError(f'the guest sent something else: {got} instead of {digest}')
    print(f'# fetched from the guest in {seconds:.1f} s', flush=True)
    socket.create_connection(done, lab.limit(10)).close()


def job_ended(lab, vm):
    ended = vm.wait_text(r'GUEST job net ended with status (\d+)', lab.limit(30))
    if ended[1] != '0' or vm.wait_exit(lab.limit(10)) != 0:
        raise VmError(f'the job ended with status {ended[1]}, the emulator with {vm.child.poll()}{vm.complaint()}; '
                      f'last of the console: {vm.text()[-600:]!r}')


def serve(folder, address):
    server = http.server.ThreadingHTTPServer((address, 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def net_user(lab, folder):
    """user-mode network in an IOThread, notifications carried by ioregionfd: DHCP, ping, HTTP both ways with equal sums"""
    mib = 100 if lab.soak else 4
    loopback_up()
    www, digest = make_blob(lab, mib)
    server = serve(www, '127.0.0.1')
    ports = free_port(), free_port()
    netdev = f'user,id=n0,hostfwd=tcp:127.0.0.1:{ports[0]}-:80,hostfwd=tcp:127.0.0.1:{ports[1]}-:81'
    pcap = folder / 'user.pcap'
    if lab.peer:
        device = ['-device', 'virtio-net-pci,netdev=n0']
    else:
        device = ['-object', 'iothread,id=iot0', '-object', 'ioregionfd,id=ior0,iothread=iot0',
                  '-object', f'filter-dump,id=dump0,netdev=n0,file={pcap},maxlen=96',
                  '-device', 'virtio-net-pci,id=net0,netdev=n0,ioregionfd=ior0']
    machine = lab.machine('net', ['user', server.server_port], memory=192 + 2 * mib, kind='none')
    try:
        with Vm(lab.emulator, folder, machine + ['-netdev', netdev] + device) as vm:
            vm.wait_text('GUEST has address 10.0.2.15 by DHCP', lab.limit(60))
            vm.wait_text('GUEST pinged 10.0.2.2', lab.limit(30))
            transfer(lab, vm, digest, ('127.0.0.1', ports[0]), ('127.0.0.1', ports[1]))
            if not lab.peer:
                regions = [region for channel in vm.qmp.execute('query-ioregionfd') if channel['id'] == 'ior0'
                           for region in channel['regions']]
                if not sum(region['writes'] for region in regions) or not sum(region['posted'] for region in regions):
                    raise VmError(f'the card worked, but not through ioregionfd: {regions}')
                text = vm.qmp.execute('human-monitor-command', command_line='info network')
                print('# ' + text.strip().replace('\r', '').replace('\n', '\n# '), flush=True)
                if 'home iot0' not in text:
                    raise VmError(f'the back end does not live in the IOThread: {text}')
            job_ended(lab, vm)
    finally:
        server.shutdown()
    if not lab.peer and pcap.stat().st_size < 1000 * mib:
        raise VmError(f'{pcap} has {pcap.stat().st_size} bytes only')


def net_tap(lab, folder):
    """tap interface with two queues, segments and sums left to the kernel: ping, HTTP both ways with equal sums; stop, cont, link"""
    mib = 100 if lab.soak else 8
    busybox = ['/bin/busybox', 'ip']
    www, digest = make_blob(lab, mib)
    device = 'virtio-net-pci,id=net0,netdev=n0,mq=on'
    arguments = ['-netdev', f'tap,id=n0,ifname={TAP},script=no,downscript=no,queues=2']
    server = None
    if lab.peer:
        arguments += ['-device', device]
    else:
        arguments += ['-object', 'iothread,id=iot0', '-object', 'iothread,id=iot1',
                      '-device', device + ',iothread-vq-mapping.0.iothread=iot0,iothread-vq-mapping.1.iothread=iot1']
    # The guest must know the port before there is an interface to listen at.
    with socket.socket() as one:
        one.bind(('0.0.0.0', 0))
        port = one.getsockname()[1]
    machine = lab.machine('net', ['tap', port], cpus=2, memory=192 + 2 * mib, kind='none')
    try:
        with Vm(lab.emulator, folder, machine + arguments + ['-S']) as vm:
            subprocess.run(busybox + ['addr', 'add', f'{TAP_HOST}/24', 'dev', TAP], check=True)
            subprocess.run(busybox + ['link', 'set', TAP, 'up'], check=True)
            server = http.server.ThreadingHTTPServer((TAP_HOST, port), functools.partial(Quiet, directory=str(www)))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            vm.qmp.execute('cont')
            vm.wait_text('GUEST has queue 1', lab.limit(60))
            vm.wait_text(f'GUEST pinged {TAP_HOST}', lab.limit(30))
            for _ in range(3):
                vm.qmp.execute('stop')
                time.sleep(0.3)
                vm.qmp.execute('cont')
                time.sleep(0.2)
            vm.qmp.execute('set_link', name='net0', up=False)
            time.sleep(0.3)
            vm.qmp.execute('set_link', name='n0' if lab.peer else 'net0', up=True)
            if lab.peer:
                vm.qmp.execute('set_link', name='net0', up=True)
            transfer(lab, vm, digest, (TAP_GUEST, 80), (TAP_GUEST, 81))
            if not lab.peer:
                text = vm.qmp.execute('human-monitor-command', command_line='info network')
                print('# ' + text.strip().replace('\r', '').replace('\n', '\n# '), flush=True)
            statistics = {name: int(open(f'/sys/class/net/{TAP}/statistics/{name}', encoding='ascii').read())
                          for name in ('rx_packets', 'tx_packets', 'rx_bytes', 'tx_bytes')}
            print(f'# {TAP}: {statistics}', flush=True)
            # Frames of one MTU would be 700 for each MiB.
            if statistics['tx_packets'] > 500 * mib or statistics['rx_packets'] > 500 * mib:
                raise VmError(f'segments were not left to do: {statistics}')
            job_ended(lab, vm)
    finally:
        if server:
            server.shutdown()
    if os.path.exists(f'/sys/class/net/{TAP}'):
        raise VmError(f'{TAP} is still there')
