#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Monitors of the real program: negotiation, errors and recovery, events, out-of-band, descriptors, chardevs, HMP.  TAP."""
import array
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback

PROGRAM = sys.argv[1]


class Client:
    def __init__(self, path):
        for _ in range(500):
            self.sock = socket.socket(socket.AF_UNIX)
            try:
                self.sock.connect(path)
                break
            except OSError:
                self.sock.close()
                time.sleep(0.02)
        self.sock.settimeout(20)
        self.buf = b''

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else json.dumps(data).encode() + b'\n')

    def send_fd(self, message, fd):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))]
        self.sock.sendmsg([json.dumps(message).encode() + b'\n'], rights)
        return self.message()

    def message(self):
        while b'\r\n' not in self.buf:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.buf += data
        line, self.buf = self.buf.split(b'\r\n', 1)
        return json.loads(line)

    def command(self, name, **args):
        """The answer, and the events before it."""
        self.send({'execute': name, 'arguments': args})
        events = []
        while True:
            m = self.message()
            if 'event' not in m:
                return m, events
            events.append(m)

    def ok(self, name, **args):
        answer, _ = self.command(name, **args)
        assert 'return' in answer, answer
        return answer['return']

    def fails(self, name, error_class='GenericError', text='', **args):
        answer, _ = self.command(name, **args)
        assert answer['error']['class'] == error_class and text in answer['error']['desc'], answer


class Machine:
    def __init__(self, *more):
        self.dir = tempfile.mkdtemp()
        self.process = subprocess.Popen(
            [PROGRAM, '-machine', 'none', '-accel', 'qtest', '-nodefaults', '-display', 'none', '-name', 'vm1',
             '-qmp', f'unix:{self.dir}/qmp,server=on,wait=off',
             '-chardev', f'socket,id=c2,path={self.dir}/qmp2,server=on,wait=off', '-mon', 'chardev=c2,mode=control',
             '-monitor', f'unix:{self.dir}/hmp,server=on,wait=off', *more], stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        assert self.process.wait(20) == 0, self.process.returncode
        shutil.rmtree(self.dir)

    def client(self, name='qmp', negotiate=True, **args):
        c = Client(f'{self.dir}/{name}')
        greeting = c.message()['QMP']
        assert greeting['capabilities'][0] == 'oob'
        assert all(isinstance(greeting['version']['qemu'][k], int) for k in ('major', 'minor', 'micro'))
        if negotiate:
            c.ok('qmp_capabilities', **args)
        return c


def test_negotiation():
    with Machine() as m:
        c = m.client(negotiate=False)
        c.fails('query-version', 'CommandNotFound')
        c.fails('qmp_capabilities', enable=['fly'])
        c.ok('qmp_capabilities')
        c.fails('qmp_capabilities', 'CommandNotFound')
        c.fails('no-such-command', 'CommandNotFound')
        for ident in (None, 1, 'x', {'a': []}, [1.5], True):
            c.send({'execute': 'query-name', 'id': ident})
            answer = c.message()
            assert answer['return'] == {'name': 'vm1'}
            assert answer.get('id') == ident
        c.sock.close()
        c = m.client(negotiate=False)
        c.fails('query-name', 'CommandNotFound')


def test_recovery():
    bad = [b'%p\n', b'\xff', b'\x01', b'{}\n', b'null\n', b'[]\n', b'{"execute": 1}\n', b'{"execute": null}\n',
           b'{"execute": "query-name", "arguments": []}\n', b'{"execute": "query-name", "extra": 1}\n',
           b'{"exec-oob": "query-name"}\n', b'{"execute": "stop"\xff', b'{"execute": "st\x01', b'}\n',
           b'{"execute": "query-name", "arguments": {"x": 1}}\n', b'[' * 5000 + b'\n', b'{"id": 1 2}\n']
    with Machine() as m:
        c = m.client()
        for text in bad:
            c.send(text)
            answer = c.message()
            assert answer['error']['class'] == 'GenericError' and answer['error']['desc'], (text, answer)
            c.fails('recovered', 'CommandNotFound')
        c.send(b"{'execute': 'query-name'}" * 2000)
        for _ in range(2000):
            assert c.message() == {'return': {'name': 'vm1'}}
        c.send(b'{"execute": "' + b'x' * (20 << 20) + b'"}\n')
        assert 'too long' in c.message()['error']['desc']
        c.fails('recovered', 'CommandNotFound')


def test_events():
    with Machine() as m:
        c, other = m.client(), m.client('qmp2')
        for name, event in (('stop', 'STOP'), ('cont', 'RESUME'), ('system_reset', 'RESET'), ('system_powerdown', 'POWERDOWN')):
            answer, events = c.command(name)
            assert answer == {'return': {}} and [e['event'] for e in events] == [event], (name, answer, events)
            assert set(events[0]['timestamp']) == {'seconds', 'microseconds'}
            assert other.message()['event'] == event
        c.ok('stop')
        assert c.ok('query-status') == {'running': False, 'status': 'paused'}
        answer, events = c.command('quit')
        assert answer == {'return': {}}
        assert [(e['event'], e['data']) for e in events] == [('SHUTDOWN', {'guest': False, 'reason': 'host-qmp-quit'})]
        assert c.message() is None
        assert m.process.wait(20) == 0


def test_oob():
    with Machine() as m:
        c = m.client(enable=['oob'])
        fifo = f'{m.dir}/fifo'
        os.mkfifo(fifo)
        c.send({'exec-oob': 'stop', 'id': 1})
        assert 'does not support OOB' in c.message()['error']['desc']
        # Opening the FIFO holds the main loop until somebody reads it.
        c.send({'execute': 'chardev-add', 'id': 'held',
                'arguments': {'id': 'f', 'backend': {'type': 'file', 'data': {'out': fifo}}}})
        time.sleep(0.2)
        c.send(b'%p\n')
        c.send({'execute': 'query-name', 'id': 'in-band'})
        for n in range(5):
            c.send({'exec-oob': 'query-status', 'id': n})
            assert c.message() == {'return': {'running': True, 'status': 'running'}, 'id': n}
        reader = os.open(fifo, os.O_RDONLY)
        assert c.message() == {'return': {}, 'id': 'held'}
        assert c.message()['error']['class'] == 'GenericError'
        assert c.message() == {'return': {'name': 'vm1'}, 'id': 'in-band'}
        os.close(reader)
        c.sock.close()
        c = m.client()
        c.fails('query-name', text='', x=1)
        c.send({'exec-oob': 'query-name'})
        assert 'exec-oob' in c.message()['error']['desc']
        c.sock.close()
        for _ in range(20):
            c = m.client(enable=['oob'])
            c.send({'exec-oob': 'query-name'})
            c.sock.close()


def test_schema():
    """Every command without mandatory arguments that returns something can be called."""
    with Machine() as m:
        c = m.client()
        schema = {e['name']: e for e in c.ok('query-qmp-schema')}
        names = {x['name'] for x in c.ok('query-commands')}
        assert names == {n for n, e in schema.items() if e['meta-type'] == 'command'}
        called = 0
        for name in names:
            members = schema[schema[name]['arg-type']]['members']
            returns = schema[schema[name]['ret-type']]
            if any('default' not in x for x in members) or returns.get('members') == [] or name == 'add-fd':
                continue
            c.ok(name)
            called += 1
        assert called > 15, called


def test_descriptors():
    with Machine() as m:
        c = m.client()
        r, w = os.pipe()
        assert c.send_fd({'execute': 'getfd', 'arguments': {'fdname': 'a'}}, w) == {'return': {}}
        c.ok('closefd', fdname='a')
        c.fails('closefd', fdname='a')
        c.fails('getfd', fdname='b')
        info = c.send_fd({'execute': 'add-fd', 'arguments': {'opaque': 'log'}}, w)['return']
        # A descriptor that no command takes is closed.
        c.send_fd({'execute': 'query-name'}, w)
        os.close(w)
        assert c.ok('query-fdsets') == [{'fdset-id': 0, 'fds': [{'fd': info['fd'], 'opaque': 'log'}]}]
        c.ok('chardev-add', id='n', backend={'type': 'null', 'data': {'logfile': '/dev/fdset/0', 'logappend': True}})
        c.ok('chardev-remove', id='n')
        c.ok('remove-fd', **{'fdset-id': 0})
        c.fails('remove-fd', **{'fdset-id': 0})
        assert os.read(r, 1) == b''


def test_chardev():
    with Machine() as m:
        c = m.client()
        c.ok('chardev-add', id='r', backend={'type': 'ringbuf', 'data': {'size': 64}})
        c.ok('ringbuf-write', device='r', data='aGkA/w==', format='base64')
        assert c.ok('ringbuf-read', device='r', size=3) == 'hi\ufffd'
        assert c.ok('ringbuf-read', device='r', size=3, format='base64') == '/w=='
        pty = c.ok('chardev-add', id='p', backend={'type': 'pty', 'data': {}})['pty']
        assert os.path.exists(pty)
        assert {'label': 'p', 'filename': f'pty:{pty}', 'frontend-open': False} in c.ok('query-chardev')
        addr = {'type': 'unix', 'data': {'path': f'{m.dir}/s'}}
        c.ok('chardev-add', id='s', backend={'type': 'socket', 'data': {'addr': addr}})
        c.fails('chardev-add', text='already exists', id='s', backend={'type': 'null', 'data': {}})
        c.fails('chardev-add', text="'backend.data.addr' is missing", id='t', backend={'type': 'socket', 'data': {}})
        c.fails('chardev-remove', text='busy', id='c2')
        c.ok('chardev-remove', id='s')
        assert not os.path.exists(f'{m.dir}/s')
        c.fails('chardev-remove', text='not found', id='s')


def test_hmp():
    with Machine() as m:
        c = m.client()

        def hmp(line):
            return c.ok('human-monitor-command', **{'command-line': line})
        assert hmp('x y') == "unknown command: 'x'\r\n"
        assert hmp('info nope') == "unknown command: 'info nope'\r\n"
        assert hmp('info version') == '10.1.0\r\n'
        assert hmp('info status') == 'VM status: running\r\n'
        assert hmp('stop') == '' and hmp('info status') == 'VM status: paused\r\n'
        assert hmp('info name') == 'vm1\r\n'
        assert 'quit|q -- ' in hmp('help') and hmp('help quit').startswith('quit|q -- ')
        assert hmp('object_add iothread,id=iothread7') == '' and 'iothread7:' in hmp('info iothreads')
        assert hmp('object_add iothread,id=iothread7').startswith('Error: ')
        assert hmp('object_del iothread7') == ''
        assert hmp('qom-get /machine type') == '"none-machine"\r\n'
        assert hmp('device_del') == 'device_del: parameters are missing\r\nTry "help device_del" for more information\r\n'
        assert hmp('i/w 0x80') == 'portl[0x0080] = 0xffffffff\r\n'
        assert 'a quote is not closed' in hmp('info "')
        for line in hmp('info').splitlines():
            hmp(' '.join(line.split()[:2]))


def test_hmp_terminal():
    with Machine() as m:
        h = socket.socket(socket.AF_UNIX)
        m.client()
        h.connect(f'{m.dir}/hmp')
        h.settimeout(10)

        def until(text):
            data = b''
            while text not in data:
                more = h.recv(4096)
                assert more, data
                data += more
            return data
        until(b'(qemu) ')
        h.sendall(b'inf\tna\tX\x7f\r')     # completion, erase
        assert b'vm1\r\n' in until(b'vm1\r\n(qemu) ')
        h.sendall(b'\x1b[A\x01\x0binfo status\r')   # history, start of line, kill
        assert b'VM status: running' in until(b'running\r\n(qemu) ')
        h.sendall(b'\x1b[A\x1b[A\r')
        until(b'vm1\r\n(qemu) ')
        h.sendall(b'quit\r\n')
        assert m.process.wait(20) == 0


TESTS = [(n[5:], f) for n, f in list(globals().items()) if n.startswith('test_')]
print(f'1..{len(TESTS)}')
failures = 0
for number, (name, function) in enumerate(TESTS, 1):
    try:
        function()
        print(f'ok {number} {name}', flush=True)
    except Exception:  # every failure is a result
        failures += 1
        print(f'not ok {number} {name}')
        print(''.join('# ' + line + '\n' for line in traceback.format_exc().splitlines()), flush=True)
sys.exit(failures > 0)
