#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the steps of "make check" and adds their results up.

Every step has a name (unit, qtest, guest, libvirt, lab, kselftest, asan, tsan, clang, fuzz).  A step's tests speak TAP; each of their lines counts as
one test.  The last line printed is "N passed, N failed, N skipped", alone; every skip and every failure is
listed with its reason before it.  The exit status is 0 when nothing failed.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

SOURCE = pathlib.Path(__file__).resolve().parent.parent
PYTHON = sys.executable
TAP = re.compile(r'^\s*(not ok|ok)\b\s*(\d*)\s*-?\s*(.*)$')
LEVEL1 = ('lab', 'kselftest')
DIRECTIVE = re.compile(r'#\s*(skip|todo)\b\S*\s*(.*)$', re.IGNORECASE)


class Tally:
    """What passed, failed and was skipped; failures and skips with their reasons."""

    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f'{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped'


def read_tap(text, where):
    """Counts TAP lines of the outermost level; a subtest is summed up by the line that follows it."""
    tally = Tally()
    for line in text.splitlines():
        found = TAP.match(line)
        if line.startswith('Bail out!'):
            tally.failed.append(f'{where}: {line[:600]}')
            continue
        if not found or line[:1].isspace():
            continue
        name = f'{where}: {found[3]}'
        directive = DIRECTIVE.search(line)
        if directive and directive[1].lower() == 'skip':
            name = name.split('#')[0].strip()
            tally.skipped.append(f'{name} ({directive[2] or "no reason given"})')
        elif found[1] == 'ok':
            tally.passed += 1
        elif not directive:
            tally.failed.append(name)
    return tally


def run(command, log, limit, env=None, cwd=None):
    """Runs a command with its output in a file. Returns its status, or None when the time was up."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'wb') as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd,
                                 env={**os.environ, **(env or {})}, start_new_session=True)
        try:
            return child.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGTERM)
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            return None


def tail(log, lines=15):
    text = log.read_text(errors='replace').splitlines()
    return '\n'.join('    | ' + line for line in text[-lines:])


def jobs():
    return str(min(os.cpu_count() or 1, 8))


class Checker:
    SANITIZERS = {'asan': ['--enable-asan', '--enable-ubsan', '--enable-werror'],
                  'tsan': ['--enable-tsan'],
                  # One build for clang's warnings and for the fuzzers, which want the sanitizers.
                  'clang': ['--cc=clang', '--enable-werror', '--enable-fuzzing', '--enable-asan', '--enable-ubsan']}

    def __init__(self, build, soak):
        self.build = build
        self.soak = soak
        self.env = {'SOAK': '1'} if soak else {}
        self.multiplier = 20 if soak else 1

    def meson_tests(self, build, suites, where, env=None, slower=1):
        """The meson tests of some suites; none at all is a failure, as a suite that vanished must be noticed."""
        log = build / 'check' / f'{where}.log'
        listing = build / 'meson-logs' / 'testlog.json'
        listing.unlink(missing_ok=True)
        command = ['meson', 'test', '-C', str(build), '--no-rebuild', '--num-processes', jobs(),
                   '--timeout-multiplier', str(slower * self.multiplier)]
        for suite in suites:
            command += ['--suite', suite]
        status = run(command, log, 3600 * self.multiplier, {**self.env, **(env or {})})
        tally = Tally()
        seen = 0
        if listing.exists():
            for line in listing.read_text(errors='replace').splitlines():
                result = json.loads(line)
                seen += 1
                name = f'{where}: {result["name"]}'
                inner = read_tap(result.get('stdout') or '', name)
                if result['result'] == 'SKIP' and not inner.skipped:
                    inner.skipped.append(f'{name} ({(result.get("stdout") or "no reason given").strip()})')
                if result['result'] not in ('OK', 'SKIP', 'EXPECTEDFAIL') and not inner.failed:
                    last = (result.get('stderr') or '').strip().splitlines()[-12:]
                    inner.failed.append('\n    | '.join([f'{name}: {result["result"]}'] + last))
                if result['result'] == 'OK' and not (inner.passed or inner.skipped):
                    inner.passed += 1
                tally.add(inner)
        if seen == 0:
            tally.failed.append(f'{where}: no test ran (see {log})')
        elif status != 0 and not tally.failed:
            tally.failed.append(f'{where}: meson test ended with {status} (see {log})')
        return tally

    def configured(self, name):
        """A folder of its own below the build folder, configured for sanitizers. Returns (folder, failure or None)."""
        folder = self.build / name
        folder.mkdir(parents=True, exist_ok=True)
        options = self.SANITIZERS[name]
        wanted = ' '.join(options)
        mark = folder / 'check.options'
        if not (folder / 'build.ninja').exists() or not mark.exists() or mark.read_text() != wanted:
            log = folder / 'configure.out'
            if run([str(SOURCE / 'configure'), *options], log, 300, cwd=folder) != 0:
                return folder, f'{name}: configure failed\n{tail(log)}'
            mark.write_text(wanted)
        return folder, None

    def built(self, name):
        """The same, and built, on what tests beside it leave of the processors."""
        folder, failure = self.configured(name)
        log = folder / 'ninja.log'
        if not failure and run(['nice', '-n', '10', 'ninja', '-C', str(folder), '-k', '20'], log, 3600) != 0:
            wrong = [line for line in log.read_text(errors='replace').splitlines()
                     if re.search(r'error:|warning:|^FAILED|undefined reference', line)][:20]
            failure = f'{name}: build failed (see {log})' + ''.join(f'\n    | {line}' for line in wrong)
        return folder, failure

    def unit(self):
        return self.meson_tests(self.build, ['unit', 'model'], 'unit')

    def qtest(self):
        tally = self.meson_tests(self.build, ['qtest'], 'qtest')
        if self.soak:
            tally.add(self.late(self.build, 'qtest-late'))
        return tally

    def late(self, build, where, env=None):
        """The qtests with an emulator whose event loops are late now and then."""
        return self.meson_tests(build, ['qtest'], where, {**(env or {}), 'QTEST_LATE': str(build / 'tests/qtest/late-preload.so')}, slower=4)

    def guest(self):
        return self.meson_tests(self.build, ['guest'], 'guest')

    def spoken(self, name, command):
        """A program that speaks TAP and tells its progress in comments, which are passed on as they come."""
        log = self.build / 'check' / f'{name}.log'
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, 'w') as out:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     text=True, errors='replace')
            text = []
            for line in child.stdout:
                out.write(line)
                out.flush()
                text.append(line)
                if line.startswith('# '):
                    print(f'    {name}:', line[2:].rstrip(), flush=True)
        tally = read_tap(''.join(text), name)
        if child.wait() != 0 and not tally.failed:
            tally.failed.append(f'{name}: the runner ended with {child.returncode} (see {log})')
        return tally

    def libvirt(self):
        return self.spoken('libvirt', [PYTHON, str(SOURCE / 'tests/libvirt/libvirt.py'), '--emulator', str(self.build / 'qemu-system-x86_64')])

    def lab(self):
        command = [PYTHON, str(SOURCE / 'tests/lab/lab.py'), '--build', str(self.build)]
        return self.spoken('lab', command + ['--soak'] * self.soak)

    def kselftest(self):
        command = [PYTHON, str(SOURCE / 'tests/lab/kselftest.py'), '--build', str(self.build)]
        tally = self.spoken('kselftest', command + ['--soak'] * self.soak)
        if self.soak:
            tally.add(self.spoken('kselftest-debug', command + ['--debug']))
        return tally

    def asan(self):
        folder, failure = self.built('asan')
        if failure:
            tally = Tally()
            tally.failed.append(failure)
            return tally
        env = {'ASAN_OPTIONS': 'detect_leaks=1:abort_on_error=1:detect_stack_use_after_return=1',
               'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
               'G_SLICE': 'always-malloc'}
        tally = self.meson_tests(folder, ['unit', 'qtest'], 'asan', env, slower=4)
        if self.soak:
            env['ASAN_OPTIONS'] += ':verify_asan_link_order=0'
            tally.add(self.late(folder, 'asan-late', env))
        return tally

    def tsan(self):
        folder, failure = self.built('tsan')
        if failure:
            tally = Tally()
            tally.failed.append(failure)
            return tally
        return self.meson_tests(folder, ['threads'], 'tsan', {
            'TSAN_OPTIONS': f'suppressions={SOURCE}/scripts/tsan.supp:halt_on_error=1:second_deadlock_stack=1'}, slower=8)

    def clang(self):
        tally = Tally()
        _, failure = self.built('clang')
        if failure:
            tally.failed.append(failure)
        else:
            tally.passed += 1
        return tally

    def fuzz(self):
        folder, failure = self.built('clang')
        if failure:
            tally = Tally()
            tally.failed.append(failure)
            return tally
        return self.meson_tests(folder, ['fuzz'], 'fuzz')


class Report:
    """What the steps found, told as each one ends; two may run beside each other."""

    def __init__(self):
        self.total = Tally()
        self.lock = threading.Lock()

    def step(self, name, tally, seconds):
        with self.lock:
            for failure in tally.failed:
                print(f'   FAILED {failure}')
            for skip in tally.skipped:
                print(f'   skipped {skip}')
            print(f'== {name}: {tally} in {seconds:.0f} s', flush=True)
            self.total.add(tally)


def run_steps(checker, steps, report):
    for step in steps:
        print(f'== {step} begins', flush=True)
        start = time.monotonic()
        try:
            tally = getattr(checker, step)()
        except Exception as error:  # a broken step must not hide the results of the others
            tally = Tally()
            tally.failed.append(f'{step}: {type(error).__name__}: {error}')
        report.step(step, tally, time.monotonic() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--build', default='build', type=pathlib.Path)
    parser.add_argument('--soak', action='store_true', help='the long versions')
    parser.add_argument('steps', nargs='+')
    options = parser.parse_args()
    checker = Checker(options.build.resolve(), options.soak)
    report = Report()
    # Level 1 is a machine with one processor: what needs it runs beside everything else.
    beside = threading.Thread(target=run_steps, args=(checker, [step for step in options.steps if step in LEVEL1], report))
    beside.start()
    run_steps(checker, [step for step in options.steps if step not in LEVEL1], report)
    beside.join()
    print(report.total)
    return 1 if report.total.failed or not (report.total.passed or report.total.skipped) else 0


if __name__ == '__main__':
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    shutil.rmtree(SOURCE / 'tests' / '__pycache__', ignore_errors=True)
    sys.exit(main())
