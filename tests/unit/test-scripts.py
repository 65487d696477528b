#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""configure, install-packages.sh and check.py: what they accept, what they refuse, and how results are added up. TAP."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / 'tests'))
sys.path.insert(0, str(SOURCE / 'tests/lab'))

import check  # noqa: E402
import initramfs  # noqa: E402
import level1  # noqa: E402


def configure(*options):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([str(SOURCE / 'configure'), *options], cwd=folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr, os.listdir(folder)


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def help_lists_every_option():
    status, text, _ = configure('--help')
    expect(status == 0, text)
    names = re.findall(r"^option\('([^']+)'", (SOURCE / 'meson_options.txt').read_text(), re.MULTILINE)
    expect(names, 'meson_options.txt has no option')
    for name in names:
        expect(re.search(rf'^  {name.replace("_", "-")} +\S', text, re.MULTILINE), f'{name} is not in:\n{text}')


def wrong_options_are_refused():
    for options, named in ((['--enable-nonsense'], '--enable-nonsense'), (['--frobnicate'], '--frobnicate'),
                           (['--target-list=arm-softmmu'], 'arm-softmmu'), (['--prefix=relative'], 'relative'),
                           (['--enable-asan', '--enable-tsan'], '--enable-tsan'), (['--enable-fuzzing', '--cc=gcc'], '--cc=clang'),
                           (['--cc=no-such-compiler'], 'no-such-compiler'), (['--meson=no-such-meson'], 'no-such-meson')):
        status, text, left = configure(*options)
        expect(status == 1 and named in text, f'{options}: status {status}: {text}')
        expect(not left, f'{options} left {left} behind')


def packages_are_well_formed():
    for line in (SOURCE / 'scripts/packages.txt').read_text().splitlines():
        if not line.startswith('#'):
            expect(re.fullmatch(r'[a-z0-9][a-z0-9.+-]+( \| [a-z0-9][a-z0-9.+-]+)* +# \S.*', line), line)


def missing_packages_are_named_only():
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        (place / 'packages.txt').write_text('dpkg  # is there\nno-such-package-a | no-such-package-b  # the reason\n')
        script = place / 'install-packages.sh'
        script.write_text((SOURCE / 'scripts/install-packages.sh').read_text())
        done = subprocess.run(['sh', str(script)], env={**os.environ, 'INSTALL': 'no'}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        expect(done.returncode == 1, f'status {done.returncode}')
        expect(re.search(r'no-such-package-a +the reason', done.stdout), done.stdout)
        expect('is there' not in done.stdout, done.stdout)
        (place / 'packages.txt').write_text('no-such-package-a | dpkg  # one of two is enough\n')
        done = subprocess.run(['sh', str(script)], env={**os.environ, 'INSTALL': 'no'}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        expect(done.returncode == 0 and not done.stdout, done.stdout)


def tap_is_counted():
    tally = check.read_tap('1..5\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no KVM here\n    ok 1 - inner\n'
                           'not ok 4 - d # TODO later\nok 5\n', 'x')
    expect(str(tally) == '2 passed, 1 failed, 1 skipped', str(tally))
    expect(tally.failed == ['x: b'] and tally.skipped == ['x: c (no KVM here)'], f'{tally.failed} {tally.skipped}')
    tally = check.read_tap('ok 1 a\nBail out! the lamp went out\n', 'x')
    expect(tally.passed == 1 and len(tally.failed) == 1, str(tally))


def a_suite_that_vanished_fails():
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / 'meson-logs').mkdir()
        tally = check.Checker(pathlib.Path(folder), False).meson_tests(pathlib.Path(folder), ['none'], 'none')
        expect(tally.passed == 0 and len(tally.failed) == 1, str(tally))


def archives_have_what_was_put_in():
    archive = initramfs.Archive()
    archive.file('a/b/c', b'text', True)
    archive.file('a/b/c', b'a second one is not taken')
    archive.link('l', 'a')
    archive.node('dev/console', 5, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'x.cpio'
        archive.write(path)
        data = path.read_bytes()
    expect(len(data) % 512 == 0, 'not padded')
    names, at = [], 0
    while True:
        expect(data[at:at + 6] == b'070701', f'no header at {at}')
        field = [int(data[at + 6 + 8 * n:at + 14 + 8 * n], 16) for n in range(13)]
        name = data[at + 110:at + 109 + field[11]].decode()
        if name == 'TRAILER!!!':
            break
        body = at + (110 + field[11] + 3) // 4 * 4
        names.append((name, oct(field[1]), data[body:body + field[6]]))
        at = body + (field[6] + 3) // 4 * 4
    expect(names == [('a', '0o40755', b''), ('a/b', '0o40755', b''), ('a/b/c', '0o100755', b'text'),
                     ('l', '0o120777', b'a'), ('dev', '0o40755', b''), ('dev/console', '0o20600', b'')], str(names))


def trouble_in_a_kernel_log_is_seen():
    for line in ('[ 1.0] WARNING: CPU: 0 PID: 1 at x.c:1', '[ 1.0] BUG: kernel NULL pointer dereference',
                 '[ 1.0] rcu: INFO: rcu_preempt self-detected stall', 'Kernel panic - not syncing: x'):
        expect(level1.TROUBLE.search(line), line)
    expect(not level1.TROUBLE.search('[ 1.0] kvm [1]: vcpu0, guest rIP: 0x1 Unhandled WRMSR'), 'a harmless line')


def a_fuzzers_findings_are_kept_and_tried_again():
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / 'fuzz-block'
        runner = [sys.executable, str(SOURCE / 'tests/fuzz/run-fuzz.py'), 'block', str(program), '1']

        def run(script):
            program.write_text('#!/bin/sh\n' + script)
            program.chmod(0o755)
            done = subprocess.run(runner, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout

        crash = 'case "$*" in *max_total_time*) for o; do case $o in -artifact_prefix=*) echo x >"${o#*=}crash-1";; esac; done;; esac\n' \
                'echo "==1==ERROR: overflow"; exit 77\n'
        status, text = run(crash)
        expect(status == 1 and re.search(r'^not ok 1 - block: .*ERROR: overflow.*/crash-1$', text, re.M), text)
        status, text = run('echo "stat::number_of_executed_units: 5"\ncase "$*" in *crash-1) exit 1;; esac\n')
        expect(status == 1 and re.search(r'^not ok 1 - block: .*crash-1 still fails', text, re.M) and
               'ok 2 - block: 5 inputs' in text, text)
        status, text = run('exit 0\n')
        expect(status == 0 and 'ok 1 - crash-1, found earlier, is mended' in text, text)
        expect((program.with_name('fuzz-block.corpus') / 'crash-1').exists(), 'a mended finding left the corpus')
        status, text = run('exit 0\n')
        expect(status == 0 and '1..1' in text, text)


TESTS = [help_lists_every_option, wrong_options_are_refused, packages_are_well_formed, missing_packages_are_named_only,
         tap_is_counted, a_suite_that_vanished_fails, a_fuzzers_findings_are_kept_and_tried_again,
         archives_have_what_was_put_in, trouble_in_a_kernel_log_is_seen]


def main():
    print(f'1..{len(TESTS)}')
    bad = 0
    for number, test in enumerate(TESTS, 1):
        name = test.__name__.replace('_', ' ')
        try:
            test()
            print(f'ok {number} - {name}')
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            bad += 1
            for line in str(error).splitlines():
                print(f'# {line}')
            print(f'not ok {number} - {name}')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
