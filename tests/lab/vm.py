# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one emulator and talks to it: QMP on a UNIX socket, the guest's serial console in a file.

Works for our emulator and for Debian's alike, on this machine and in level 1. Every wait has a limit.
"""

import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time


class VmError(Exception):
    """The guest or the emulator did not do what was expected of it."""


class Qmp:
    """A QMP client: one command at a time, events are kept."""

    def __init__(self, path, limit, alive=lambda: True):
        self.events = []
        self.buffer = b''
        deadline = time.monotonic() + limit
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except OSError as error:
                self.socket.close()
                if time.monotonic() > deadline or not alive():
                    raise VmError(f'QMP socket {path}: {error}') from error
                time.sleep(0.05)
        self.greeting = self._message(limit)
        if 'QMP' not in self.greeting:
            raise VmError(f'QMP: this is no greeting: {self.greeting}')
        self.execute('qmp_capabilities')

    def _message(self, limit):
        deadline = time.monotonic() + limit
        while b'\n' not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise VmError(f'QMP: no message within {limit} s')
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except TimeoutError as error:
                raise VmError(f'QMP: no message within {limit} s') from error
            except OSError as error:
                raise VmError(f'QMP: {error}') from error
            if not data:
                raise VmError('QMP: the emulator closed the connection')
            self.buffer += data
        line, self.buffer = self.buffer.split(b'\n', 1)
        return json.loads(line)

    def execute(self, command, limit=60, **arguments):
        """Returns what the command returned; an error is a VmError."""
        request = {'execute': command}
        if arguments:
            request['arguments'] = {name.replace('_', '-'): value for name, value in arguments.items()}
        self.socket.sendall(json.dumps(request).encode() + b'\n')
        while True:
            message = self._message(limit)
            if 'event' in message:
                self.events.append(message)
            elif 'error' in message:
                raise VmError(f'QMP {command}: {message["error"].get("desc")}')
            else:
                return message['return']

    def poll_event(self, name):
        """The first event of that name that has come, or None; does not wait."""
        while b'\n' in self.buffer or select.select([self.socket], [], [], 0)[0]:
            self.events.append(self._message(10))
        return next((event for event in self.events if event.get('event') == name), None)

    def wait_event(self, name, limit):
        """The first event of that name that was not waited for before; others are kept."""
        deadline = time.monotonic() + limit
        while True:
            for event in self.events:
                if event['event'] == name:
                    self.events.remove(event)
                    return event
            message = self._message(max(0.01, deadline - time.monotonic()))
            if 'event' in message:
                self.events.append(message)


class Vm:
    """An emulator with a guest. Use it in a "with" statement: nothing of it is left when that ends."""

    def __init__(self, emulator, folder, arguments, console=('-display', 'none', '-serial', 'stdio'), qmp=True,
                 environment=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.console = self.folder / 'console.log'
        self.said = self.folder / 'emulator.log'
        # The socket has a place of its own: not every file system can hold one, and its path must be short.
        self.place = pathlib.Path(tempfile.mkdtemp(prefix='vm-'))
        self.arguments = [str(emulator), *console, *arguments]
        if qmp:
            self.arguments += ['-qmp', f'unix:{self.place}/qmp.sock,server=on,wait=off']
        self.with_qmp = qmp
        self.environment = {**os.environ, **environment} if environment else None
        self.qmp = None
        self.child = None

    def __enter__(self):
        (self.folder / 'command').write_text(' '.join(f"'{word}'" if ' ' in word else word for word in self.arguments))
        with open(self.console, 'wb') as out, open(self.said, 'wb') as err:
            self.child = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                          env=self.environment)
        try:
            if self.with_qmp:
                self.qmp = Qmp(self.place / 'qmp.sock', 60, lambda: self.child.poll() is None)
        except VmError as error:
            self.close()
            raise VmError(f'{error}{self.complaint()}') from error
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.child and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        shutil.rmtree(self.place, ignore_errors=True)

    def complaint(self):
        """What the emulator itself said, for an error's text."""
        text = self.said.read_text(errors='replace').strip() if self.said.exists() else ''
        return f' (the emulator said: {text[-2000:]})' if text else ''

    def text(self):
        return self.console.read_text(errors='replace').replace('\r', '')

    def wait_text(self, pattern, limit, start=0):
        """Waits until the guest's console shows a pattern after character "start"; returns the match."""
        deadline = time.monotonic() + limit
        while True:
            found = re.compile(pattern, re.MULTILINE).search(self.text(), start)
            if found:
                return found
            if self.child.poll() is not None:
                found = re.compile(pattern, re.MULTILINE).search(self.text(), start)
                if found:
                    return found
                raise VmError(f'the emulator ended with status {self.child.returncode} before the guest said '
                              f'"{pattern}"{self.complaint()}; last of the console: {self.text()[-400:]!r}')
            if time.monotonic() > deadline:
                raise VmError(f'the guest did not say "{pattern}" within {limit} s{self.complaint()}; '
                              f'last of the console: {self.text()[-400:]!r}')
            time.sleep(0.1)

    def wait_exit(self, limit):
        """Waits until the emulator ends by itself; returns its status, negative for a signal."""
        try:
            return self.child.wait(limit)
        except subprocess.TimeoutExpired as error:
            raise VmError(f'the emulator did not end within {limit} s{self.complaint()}; '
                          f'last of the console: {self.text()[-400:]!r}') from error

    def signal(self, number=signal.SIGTERM):
        self.child.send_signal(number)
