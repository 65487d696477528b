#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one fuzzer for a while, from seeds and what earlier runs found.  TAP.

    run-fuzz.py NAME PROGRAM [SECONDS]

15 seconds, 600 with SOAK=1.  Beside PROGRAM are PROGRAM.corpus (grows from run to run) and PROGRAM.findings: inputs
that crash, hang or leak, one file each, with what the program said in FILE.log.  Earlier findings are tried first: one that
still fails is a failure, one that is mended joins the corpus.
"""

import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
import seeds  # noqa: E402

EVERYDAY, SOAK = 15, 600
# name: further options
OPTIONS = {
    'qmp': ['-max_len=4096'],
    'options': ['-max_len=512', '-only_ascii=1'],
    'qtest': ['-max_len=2048'],
    'block': ['-max_len=4096'],
    'ioregion-wire': ['-max_len=512'],
}
COMMON = ['-rss_limit_mb=2048', '-timeout=60', '-print_final_stats=1']
ENVIRONMENT = {
    'ASAN_OPTIONS': 'detect_leaks=1:abort_on_error=1:detect_stack_use_after_return=1:allocator_may_return_null=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    'G_SLICE': 'always-malloc',
}


def run(program, arguments, log, limit):
    """The program's status; None when it had to be stopped."""
    with open(log, 'wb') as out:
        try:
            return subprocess.run([program, *COMMON, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                  env={**os.environ, **ENVIRONMENT}, timeout=limit, check=False).returncode
        except subprocess.TimeoutExpired:
            return None


def summary(log):
    """The line that says what went wrong, and the statistics."""
    lines = log.read_text(errors='replace').splitlines()
    wrong = [x for x in lines if 'ERROR:' in x or 'runtime error:' in x or 'SUMMARY:' in x]
    stats = [x for x in lines if x.startswith('stat::number_of_executed_units')]
    return (wrong or lines[-1:] or ['no output'])[0].strip(), (stats or ['?'])[0].split()[-1]


def main():
    name, program = sys.argv[1:3]
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else SOAK if os.environ.get('SOAK', '0') not in ('', '0') else EVERYDAY
    program = pathlib.Path(program).resolve()
    corpus, findings = (pathlib.Path(f'{program}.{x}') for x in ('corpus', 'findings'))
    corpus.mkdir(exist_ok=True)
    findings.mkdir(exist_ok=True)
    log = pathlib.Path(f'{program}.log')
    dictionary = pathlib.Path(f'{program}.dict')
    words = seeds.write(name, corpus, dictionary)

    old = sorted(x for x in findings.iterdir() if x.suffix != '.log')
    failed = 0
    for number, finding in enumerate(old, 1):
        own_log = finding.with_name(finding.name + '.log')
        if run(program, [str(finding)], own_log, 120) == 0:
            finding.rename(corpus / finding.name)
            own_log.unlink()
            print(f'ok {number} - {finding.name}, found earlier, is mended')
        else:
            failed += 1
            print(f'not ok {number} - {name}: {finding} still fails: {summary(own_log)[0]}')

    before = set(findings.iterdir())
    status = run(program, [f'-max_total_time={seconds}', f'-artifact_prefix={findings}/', *[f'-dict={dictionary}'] * bool(words),
                           *OPTIONS[name], str(corpus)], log, seconds + 150)
    new = sorted(str(x) for x in set(findings.iterdir()) - before if x.suffix != '.log')
    what, executed = summary(log)
    if status == 0 and not new:
        print(f'ok {len(old) + 1} - {name}: {executed} inputs in {seconds} s')
    else:
        failed += 1
        for file in new:
            pathlib.Path(file + '.log').write_bytes(log.read_bytes())
        where = 'input kept in ' + ', '.join(new) if new else f'no input kept; see {log}'
        print(f'not ok {len(old) + 1} - {name}: {what if status is not None else "it hangs"}; {where}')
    print(f'1..{len(old) + 1}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
