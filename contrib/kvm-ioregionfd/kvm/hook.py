#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Puts calls to ioregionfd's front end into an unpacked KVM source.

It carries no line of the kernel's. A place is described by what it means: the function that it is in, the call, the
statement or the structure that it stands at. Each must be there exactly once, else nothing is written at all and the
message says what was looked for and in which file. A source that has all the calls already is left alone.
"""

import argparse
import pathlib
import re
import sys

# In every inserted text; tells a source that was done before.
MARK = '/* ioregionfd */'


class HookError(Exception):
    """The source does not look as expected; the text names file and place."""


def blank(text):
    """The text with comments, strings and directives made blank, so that offsets stay and words mean code."""
    def spaces(found):
        return re.sub(r'[^\n]', ' ', found[0])
    text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', spaces, text, flags=re.DOTALL)
    return re.sub(r'^[ \t]*#(?:\\\n|[^\n])*', spaces, text, flags=re.MULTILINE)


def partner(code, at):
    """Where the bracket at this place is closed."""
    pairs = {'(': ')', '{': '}', '[': ']'}
    depth = 0
    close = pairs[code[at]]
    for index in range(at, len(code)):
        if code[index] == code[at]:
            depth += 1
        elif code[index] == close:
            depth -= 1
            if not depth:
                return index
    return None


class Source:
    """One file of the kernel, and the changes that it is to get."""

    def __init__(self, root, path):
        self.path = path
        self.file = pathlib.Path(root) / path
        try:
            self.text = self.file.read_text()
        except OSError as error:
            raise HookError(f'{path}: {error.strerror}; is this the root of a kernel source?') from error
        self.code = blank(self.text)
        self.edits = []

    def done_before(self):
        return MARK in self.text or '# ioregionfd' in self.text

    def fail(self, what, count):
        state = 'is not there' if count == 0 else f'is there {count} times'
        raise HookError(f'{self.path}: {what} {state}, expected exactly once; this source is not one that the hooks fit')

    def only(self, found, what):
        found = list(found)
        if len(found) != 1:
            self.fail(what, len(found))
        return found[0]

    # --- places: each is a (start, end) of the text

    def body(self, name):
        """What a function's definition has between its braces."""
        return self.definition(name)[1:]

    def definition(self, name):
        """(name, opening brace, closing brace)"""
        found = []
        for match in re.finditer(rf'\b{name}\s*\(', self.code):
            end = partner(self.code, match.end() - 1)
            opening = end and re.compile(r'\s*\{').match(self.code, end + 1)
            # A definition stands outside of all braces: what precedes it on its line is not indented.
            line = self.code.rfind('\n', 0, match.start()) + 1
            if opening and (line == match.start() or not self.code[line].isspace()):
                close = partner(self.code, opening.end() - 1)
                if close:
                    found.append((match.start(), opening.end(), close))
        return self.only(found, f'the definition of function {name}')

    def variables(self, name, *names):
        """That a function has parameters or variables of these names, which inserted text uses."""
        start, _, end = self.definition(name)
        for variable in names:
            if not re.search(rf'\b{variable}\b', self.code[start:end]):
                self.fail(f'the variable {variable} of {name}', 0)

    def structure(self, name):
        found = [(match.end(), partner(self.code, match.end() - 1))
                 for match in re.finditer(rf'\bstruct\s+{name}\s*\{{', self.code)]
        return self.only(found, f'the definition of struct {name}')

    def match(self, pattern, what, inside=None, first=False):
        """The one place (or the first, where several are in order) that a pattern of code has."""
        start, end = inside or (0, len(self.code))
        found = [match.span() for match in re.compile(pattern).finditer(self.code, start, end)]
        if first and found:
            return found[0]
        return self.only(found, what)

    def call(self, function, inside, where, arguments=''):
        """The one call of a function: from its name to its closing bracket."""
        found = []
        for match in re.compile(rf'(?<![\w.>]){function}\s*\(').finditer(self.code, *inside):
            end = partner(self.code, match.end() - 1)
            if end and re.match(arguments, self.code[match.end():end].strip()):
                found.append((match.start(), end + 1))
        return self.only(found, f'the call of {function}() in {where}')

    # --- changes

    def statement(self, at):
        """Where the statement around a place begins."""
        depth = 0
        index = at
        while index > 0:
            index -= 1
            char = self.code[index]
            if char in ')]':
                depth += 1
            elif char in '([':
                # A place inside of brackets belongs to the statement around them.
                depth = max(depth - 1, 0)
            elif char in ';{}' and not depth:
                index += 1
                break
        return index + len(self.code[index:at]) - len(self.code[index:at].lstrip())

    def statement_after_label(self, at):
        """The same, but behind a label that stands in front of it."""
        start = self.statement(at)
        for match in re.compile(r'\b\w+\s*:(?!:)').finditer(self.code, start, at):
            start = match.end()
        return start + len(self.code[start:at]) - len(self.code[start:at].lstrip())

    def insert(self, at, text):
        self.edits.append((at, at, text))

    def before(self, at, text):
        """Lines before the line that this place is on, indented like it."""
        line = self.text.rfind('\n', 0, at) + 1
        indent = re.compile(r'[ \t]*').match(self.text, line)[0]
        self.insert(line, ''.join(f'{indent}{part}\n' for part in f'{text} {MARK}'.split('\n')))

    def after_line(self, at, text):
        line = self.text.index('\n', at) + 1
        self.insert(line, f'{text} {MARK}\n')

    def replace(self, span, text):
        self.edits.append((*span, text))

    def include(self, name, after='linux/kvm_host.h'):
        found = [match.end() for match in re.finditer(rf'^#\s*include\s*[<"]{re.escape(after)}[>"]', self.text,
                                                      re.MULTILINE)]
        self.after_line(self.only(found, f'the line that includes {after}'), f'#include {name}')

    def result(self):
        text = self.text
        for start, end, new in sorted(self.edits, reverse=True):
            text = text[:start] + new + text[end:]
        return text


def hook_main(source):
    """virt/kvm/kvm_main.c: capabilities, ioctls, the life of VMs and vCPUs."""
    source.include('"../../arch/x86/kvm/ioregionfd/hooks.h"')

    run = source.body('kvm_vcpu_ioctl')
    lock = source.match(r'\bmutex_lock_killable\s*\(\s*&\s*vcpu\s*->\s*mutex\b', 'taking vcpu->mutex in kvm_vcpu_ioctl', run)
    source.before(source.statement(lock[0]), 'if (kvm_ioregion_is_vcpu_ioctl(ioctl))\n'
                                             '\treturn kvm_ioregion_vcpu_ioctl(vcpu, ioctl, argp);')
    source.variables('kvm_vcpu_ioctl', 'vcpu', 'ioctl', 'argp')
    source.variables('kvm_vm_ioctl', 'kvm', 'ioctl', 'argp')

    for name, variable, text in (
            ('kvm_vm_ioctl', 'ioctl', 'if (kvm_ioregion_is_vm_ioctl(ioctl))\n'
                                      '\treturn kvm_ioregion_vm_ioctl(kvm, ioctl, argp);'),
            ('kvm_vm_ioctl_check_extension_generic', 'arg', 'if (kvm_ioregion_is_capability(arg))\n'
                                                            '\treturn kvm_ioregion_capability(arg);')):
        choice = source.match(rf'\bswitch\s*\(\s*{variable}\s*\)', f'switch ({variable}) in {name}', source.body(name))
        source.before(choice[0], text)

    place = source.call('kvm_arch_pre_destroy_vm', source.body('kvm_destroy_vm'), 'kvm_destroy_vm')
    source.before(source.statement(place[0]), 'kvm_ioregion_vm_destroy(kvm);')
    place = source.call('kvm_put_kvm', source.body('kvm_vcpu_release'), 'kvm_vcpu_release')
    source.before(source.statement(place[0]), 'kvm_ioregion_vcpu_release(vcpu);')


def hook_eventfd(source):
    """virt/kvm/eventfd.c: post-write."""
    source.include('"../../arch/x86/kvm/ioregionfd/hooks.h"')
    start, _ = source.structure('_ioeventfd')
    source.insert(start, f'\n\tu64 post_addr; {MARK}')

    assign = source.body('kvm_assign_ioeventfd_idx')
    place = source.call('kvm_iodevice_init', assign, 'kvm_assign_ioeventfd_idx')
    source.before(source.statement(place[0]), 'p->post_addr = kvm_ioregion_post_addr(args);')

    write = source.body('ioeventfd_write')
    source.variables('ioeventfd_write', 'p', 'val', 'len')
    place = source.call('eventfd_signal', write, 'ioeventfd_write')
    source.before(source.statement(place[0]), 'if (p->post_addr && kvm_ioregion_post_write(p->post_addr, val, len))\n'
                                              '\treturn -EFAULT;')

    walk = source.body('kvm_deassign_ioeventfd_idx')
    loop = source.match(r'\blist_for_each_entry_safe\s*\(', 'the walk over ioeventfds in kvm_deassign_ioeventfd_idx', walk)
    test = source.match(r'\bif\s*\(', 'the comparison in kvm_deassign_ioeventfd_idx', (loop[1], walk[1]), first=True)
    source.before(test[0], 'if (p->post_addr != kvm_ioregion_post_addr(args))\n\tcontinue;')

    checks = source.body('kvm_assign_ioeventfd')
    mask = source.match(r'\bKVM_IOEVENTFD_VALID_FLAG_MASK\b', 'the check of flags in kvm_assign_ioeventfd', checks)
    source.before(source.statement(mask[0]), 'if (!kvm_ioregion_post_valid(args))\n\treturn -EINVAL;')
    source.replace(mask, f'(KVM_IOEVENTFD_VALID_FLAG_MASK | KVM_IOEVENTFD_FLAG_POST_WRITE {MARK})')


def hook_x86(source):
    """arch/x86/kvm/x86.c: the accesses."""
    source.include('"ioregionfd/hooks.h"')

    place = source.call('kvm_io_bus_write', source.body('vcpu_mmio_write'), 'vcpu_mmio_write', r'vcpu\s*,\s*KVM_MMIO_BUS\b')
    source.replace((place[0], place[0] + len('kvm_io_bus_write')), f'kvm_ioregion_bus_write {MARK}')

    name = 'emulator_pio_in_out'
    body = source.body(name)
    source.variables(name, 'vcpu', 'size', 'port', 'data', 'count', 'in')
    exit_ = source.match(r'\bvcpu\s*->\s*arch\s*\.\s*pio\s*\.\s*port\s*=', f'where {name} prepares the exit', body)
    source.before(source.statement_after_label(exit_[0]), 'if (kvm_ioregion_pio(vcpu, port, size, data, count, in))\n\treturn 1;')

    name = 'kvm_arch_vcpu_ioctl_run'
    body = source.body(name)
    source.match(r'\bout\s*:', f'the label out of {name}', body)
    # A pointer to the function that completes an exit is taken, and called.
    done = source.match(r'\bif\s*\((?:[^;{}]*)\bcomplete_userspace_io\s*\)\s*\)?\s*\{', f'the test of complete_userspace_io in {name}', body)
    source.before(done[0], 'r = kvm_ioregion_resume(vcpu);\nif (r <= 0)\n\tgoto out;')
    pointer = source.match(r'\(\s*\*\s*\w+\s*\)\s*\(\s*struct\s+kvm_vcpu\s*\*\s*\w*\s*\)\s*=', f'the completion function in {name}', (done[0], body[1]))
    variable = re.search(r'\w+', source.code[slice(*pointer)])[0]
    call = source.call(variable, (pointer[1], body[1]), name, r'vcpu$')
    source.replace(call, f'kvm_ioregion_after(vcpu, {variable}(vcpu)) {MARK}')
    call = source.call('vcpu_run', body, name, r'vcpu$')
    start = source.statement(call[0])
    end = source.code.index(';', call[1]) + 1
    if not re.fullmatch(r'r\s*=\s*vcpu_run\s*\(\s*vcpu\s*\)\s*;', source.code[start:end]):
        source.fail(f'"r = vcpu_run(vcpu)" as a statement of its own in {name}', 0)
    source.replace((start, end), f'do {{ {MARK}\n\t\tr = kvm_ioregion_after(vcpu, vcpu_run(vcpu));\n\t}} while (r > 0);')
    source.variables(name, 'vcpu', 'r', 'wants_to_run')

    leave = source.match(r'\bmodule_exit\s*\(\s*(\w+)\s*\)', 'module_exit()')
    name = re.search(r'\(\s*(\w+)', source.code[slice(*leave)])[1]
    source.insert(source.body(name)[1], f'\tkvm_ioregion_module_exit(); {MARK}\n')


def hook_makefile(source):
    """arch/x86/kvm/Makefile: finds KVM's other folder outside of the kernel's tree, and builds our files."""
    for pattern, text in ((r'\$\(srctree\)(?=/arch/x86/kvm\b)', '$(src)/../../..'),
                          (r'\$\(srctree\)(?=/virt/kvm/Makefile\.kvm\b)', '$(src)/../../..')):
        found = [match.span() for match in re.finditer(pattern, source.text)]
        source.replace(source.only(found, f'a path that matches {pattern}'), text)
    found = [match.start() for match in re.finditer(r'^obj-\$\(CONFIG_KVM\)', source.text, re.MULTILINE)]
    source.insert(source.only(found, 'the line of obj-$(CONFIG_KVM)'), 'include $(src)/ioregionfd/Kbuild # ioregionfd\n\n')


FILES = {
    'virt/kvm/kvm_main.c': hook_main,
    'virt/kvm/eventfd.c': hook_eventfd,
    'arch/x86/kvm/x86.c': hook_x86,
    'arch/x86/kvm/Makefile': hook_makefile,
}


def apply(root):
    """Changes all files or none; returns how many places were changed, 0 if all was done before."""
    sources = [Source(root, path) for path in FILES]
    done = [source.path for source in sources if source.done_before()]
    if done:
        if len(done) == len(sources):
            return 0
        rest = [source.path for source in sources if not source.done_before()]
        raise HookError(f'{done[0]}: has the calls already, but {rest[0]} has not; start again from an unchanged source')
    for source in sources:
        FILES[source.path](source)
    for source in sources:
        source.file.write_text(source.result())
    return sum(len(source.edits) for source in sources)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('tree', type=pathlib.Path, help='root of the source: the folder with arch/x86/kvm and virt/kvm')
    options = parser.parse_args()
    try:
        count = apply(options.tree)
    except HookError as error:
        print(f'hook.py: {error}', file=sys.stderr)
        return 1
    print(f'{count} places changed' if count else 'all calls are there already')
    return 0


if __name__ == '__main__':
    sys.exit(main())
