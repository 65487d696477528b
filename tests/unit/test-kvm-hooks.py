#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""contrib/kvm-ioregionfd/kvm/hook.py: finds its places however a source is written, and says what it does not find. TAP.

The source is a model of our own: only the names that the hooks go by are KVM's.
"""

import pathlib
import shutil
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / 'contrib/kvm-ioregionfd/kvm'))

import hook  # noqa: E402

MODEL = {
    'virt/kvm/kvm_main.c': '''
#include <linux/kvm_host.h>
#define MODEL_CALLS kvm_put_kvm(kvm_put_kvm) /* a directive is no code */
static long kvm_vcpu_ioctl(struct file *f, unsigned int ioctl, unsigned long arg);
/* kvm_vcpu_release(kvm) { kvm_put_kvm(0); } stands in a comment */
static int kvm_vcpu_release(struct inode *i, struct file *f)
{
	struct kvm_vcpu *vcpu = model(f, "kvm_put_kvm(x) { ;");
	kvm_put_kvm(vcpu->kvm);
	return 0;
}
static long kvm_vcpu_ioctl(struct file *f, unsigned int ioctl, unsigned long arg)
{
	void *argp = (void *)arg;
	if (mutex_lock_killable(&vcpu->mutex))
		return -1;
	return 0;
}
static void kvm_destroy_vm(struct kvm *kvm)
{
	if (model(kvm)) {
		kvm_arch_pre_destroy_vm(kvm);
	}
}
static long kvm_vm_ioctl_check_extension_generic(struct kvm *kvm, long arg)
{
	switch (arg) {
	default:
		return 0;
	}
}
static long kvm_vm_ioctl(struct kvm *kvm, unsigned int ioctl, unsigned long arg)
{
	void *argp = (void *)arg;
	switch (ioctl) {
	case 1: {
		switch (arg) {
		}
	}
	}
	return kvm_vm_ioctl_check_extension_generic(kvm, arg);
}
''',
    'virt/kvm/eventfd.c': '''
#include <linux/kvm_host.h>
struct _ioeventfd {
	int length;
};
static int ioeventfd_write(struct _ioeventfd *p, int len, const void *val)
{
	eventfd_signal(p->eventfd, 1);
	return 0;
}
static int kvm_assign_ioeventfd_idx(struct kvm *kvm, int bus_idx, struct kvm_ioeventfd *args)
{
	kvm_iodevice_init(&p->dev, &model_ops);
	return 0;
}
static int kvm_deassign_ioeventfd_idx(struct kvm *kvm, int bus_idx, struct kvm_ioeventfd *args)
{
	if (model)
		return 0;
	list_for_each_entry_safe(p, tmp, &kvm->ioeventfds, list) {
		if (p->length != args->len)
			continue;
		if (p->wildcard)
			continue;
	}
	return 0;
}
static int kvm_assign_ioeventfd(struct kvm *kvm, struct kvm_ioeventfd *args)
{
	if (args->flags & ~KVM_IOEVENTFD_VALID_FLAG_MASK)
		return -1;
	return 0;
}
''',
    'arch/x86/kvm/x86.c': '''
#include <linux/kvm_host.h>
static int vcpu_mmio_write(struct kvm_vcpu *vcpu, gpa_t addr, int len, const void *v)
{
	return model(vcpu) && kvm_io_bus_write(vcpu, KVM_MMIO_BUS, addr, len, v);
}
static int emulator_pio_in_out(struct kvm_vcpu *vcpu, int size, unsigned short port, void *data, unsigned int count, bool in)
{
	if (kvm_io_bus_write(vcpu, KVM_PIO_BUS, port, size, data))
		goto model;
	return 1;
model:
	vcpu->arch.pio.port = port;
	return 0;
}
int kvm_arch_vcpu_ioctl_run(struct kvm_vcpu *vcpu)
{
	int r;

	if (unlikely(vcpu->arch.complete_userspace_io)) {
		int (*step)(struct kvm_vcpu *) = vcpu->arch.complete_userspace_io;
		vcpu->arch.complete_userspace_io = NULL;
		r = step(vcpu);
		if (r <= 0)
			goto out;
	}
	if (!vcpu->wants_to_run)
		goto out;
	r = vcpu_run(vcpu);
out:
	return r;
}
static void __exit model_exit(void)
{
}
module_exit(model_exit);
''',
    'arch/x86/kvm/Makefile': '''
ccflags-y += -I $(srctree)/arch/x86/kvm
include $(srctree)/virt/kvm/Makefile.kvm
obj-$(CONFIG_KVM)	+= kvm.o
''',
}
MAIN, EVENTFD, X86, MAKEFILE = MODEL


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


class Tree:
    """A source in a folder of its own; changes are (path, old text, new text)."""

    def __init__(self, *changes):
        self.root = pathlib.Path(tempfile.mkdtemp())
        for path, text in MODEL.items():
            for where, old, new in changes:
                if where == path:
                    expect(old in text, f'{old!r} is not in the model of {path}')
                    text = text.replace(old, new)
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.root)

    def texts(self):
        return {path: (self.root / path).read_text() for path in MODEL}

    def refused(self, *words):
        """That it is not changed at all, and the message has these words."""
        before = self.texts()
        try:
            hook.apply(self.root)
        except hook.HookError as error:
            for word in words:
                expect(word in str(error), f'"{error}" does not name {word}')
        else:
            raise AssertionError(f'changed, though {words} is wrong')
        expect(self.texts() == before, 'something was written, though not all fits')


def body(text, name):
    """A function's lines, as the model writes them."""
    after = text[text.rindex(f' {name}('):]
    return after[:after.index('\n}\n')]


def all_places():
    with Tree() as tree:
        expect(hook.apply(tree.root) > 0, 'no place was changed')
        texts = tree.texts()
        for path, name, lines in (
                (MAIN, 'kvm_vcpu_ioctl', ['kvm_ioregion_is_vcpu_ioctl(ioctl)', 'mutex_lock_killable']),
                (MAIN, 'kvm_vm_ioctl', ['kvm_ioregion_is_vm_ioctl(ioctl)', 'switch (ioctl)']),
                (MAIN, 'kvm_vcpu_release', ['kvm_ioregion_vcpu_release(vcpu);', '\tkvm_put_kvm(vcpu']),
                (MAIN, 'kvm_destroy_vm', ['\t\tkvm_ioregion_vm_destroy(kvm);', '\t\tkvm_arch_pre_destroy_vm']),
                (EVENTFD, 'ioeventfd_write', ['kvm_ioregion_post_write', 'eventfd_signal']),
                (EVENTFD, 'kvm_deassign_ioeventfd_idx', ['list_for_each', 'kvm_ioregion_post_addr(args)', 'p->length !=']),
                (EVENTFD, 'kvm_assign_ioeventfd', ['!kvm_ioregion_post_valid(args)', '~(KVM_IOEVENTFD_VALID_FLAG_MASK |']),
                (X86, 'vcpu_mmio_write', ['kvm_ioregion_bus_write', '(vcpu, KVM_MMIO_BUS']),
                (X86, 'emulator_pio_in_out', ['kvm_io_bus_write(vcpu, KVM_PIO_BUS', 'model:', 'kvm_ioregion_pio(', 'pio.port =']),
                (X86, 'kvm_arch_vcpu_ioctl_run', ['kvm_ioregion_resume(vcpu)', 'if (unlikely(', 'kvm_ioregion_after(vcpu, step(vcpu))',
                                                  'do {', 'kvm_ioregion_after(vcpu, vcpu_run(vcpu))', 'while (r > 0)', 'out:']),
                (X86, 'model_exit', ['kvm_ioregion_module_exit();'])):
            text, at = body(texts[path], name), 0
            for line in lines:
                expect(line in text[at:], f'{line!r} is not where it belongs in {name}:\n{text}')
                at += text[at:].index(line) + 1
        for path in (MAIN, EVENTFD, X86):
            expect(texts[path].count('ioregionfd/hooks.h') == 1, f'{path} does not include the declarations')
        expect('srctree' not in texts[MAKEFILE] and 'ioregionfd/Kbuild' in texts[MAKEFILE], texts[MAKEFILE])
        expect('u64 post_addr;' in texts[EVENTFD], 'struct _ioeventfd has no place for the address')


def twice_is_once():
    with Tree() as tree:
        hook.apply(tree.root)
        once = tree.texts()
        expect(hook.apply(tree.root) == 0, 'the second run found something to do')
        expect(tree.texts() == once, 'the second run changed something')


def formatting_does_not_matter():
    with Tree((MAIN, 'mutex_lock_killable(&vcpu->mutex)', 'mutex_lock_killable( & vcpu\n\t\t-> mutex )'),
              (MAIN, 'static void kvm_destroy_vm(struct kvm *kvm)\n{', 'static void\nkvm_destroy_vm(struct kvm *kvm) {'),
              (X86, 'module_exit(model_exit)', 'module_exit( model_exit )'),
              (X86, 'r = vcpu_run(vcpu);', 'r = /* guest; */ vcpu_run( vcpu );'),
              (X86, 'kvm_io_bus_write(vcpu, KVM_MMIO_BUS, addr,', 'kvm_io_bus_write (vcpu,\n\t\tKVM_MMIO_BUS, addr,'),
              (EVENTFD, 'struct _ioeventfd {', 'struct _ioeventfd\n{')) as tree:
        expect(hook.apply(tree.root) > 0, 'not applied')
        expect('kvm_ioregion_after(vcpu, vcpu_run(vcpu))' in tree.texts()[X86], tree.texts()[X86])


def what_is_missing_is_named():
    for path, old, new, word in (
            (MAIN, 'kvm_destroy_vm', 'kvm_end_vm', 'kvm_destroy_vm'),
            (MAIN, 'kvm_arch_pre_destroy_vm', 'kvm_arch_end', 'kvm_arch_pre_destroy_vm'),
            (MAIN, 'switch (ioctl)', 'switch (number)', 'kvm_vm_ioctl'),
            (MAIN, 'linux/kvm_host.h', 'linux/host.h', 'linux/kvm_host.h'),
            (EVENTFD, 'struct _ioeventfd {', 'struct ioeventfd {', '_ioeventfd'),
            (EVENTFD, 'KVM_IOEVENTFD_VALID_FLAG_MASK', 'MASK', 'check of flags'),
            (X86, 'KVM_MMIO_BUS', 'MEMORY_BUS', 'vcpu_mmio_write'),
            (X86, 'unsigned int count', 'unsigned int number', 'count'),
            (X86, 'out:', 'end:', 'label out'),
            (X86, '= vcpu_run(vcpu)', '= model(vcpu_run(vcpu))', 'vcpu_run'),
            (X86, 'wants_to_run', 'may_run', 'wants_to_run'),
            (X86, 'module_exit', 'leave', 'module_exit'),
            (MAKEFILE, 'virt/kvm/Makefile.kvm', 'kvm.mk', 'Makefile')):
        with Tree((path, old, new)) as tree:
            tree.refused(path, word, 'expected exactly once')


def two_of_a_kind_are_refused():
    for path, old in ((MAIN, '	kvm_put_kvm(vcpu->kvm);\n'), (EVENTFD, '	eventfd_signal(p->eventfd, 1);\n'),
                      (X86, '	r = vcpu_run(vcpu);\n'), (X86, '	vcpu->arch.pio.port = port;\n'),
                      (X86, 'static void __exit model_exit(void)\n{\n}\n'), (MAIN, '#include <linux/kvm_host.h>\n')):
        with Tree((path, old, old + old)) as tree:
            tree.refused(path, 'is there 2 times')


def half_done_is_refused():
    with Tree() as tree:
        hook.apply(tree.root)
        (tree.root / X86).write_text(MODEL[X86])
        tree.refused(X86, 'unchanged source')


def no_source_is_refused():
    with Tree() as tree:
        (tree.root / EVENTFD).unlink()
        try:
            hook.apply(tree.root)
        except hook.HookError as error:
            expect(EVENTFD in str(error), str(error))
        else:
            raise AssertionError('a file is missing, and nobody noticed')


def main():
    tests = [all_places, twice_is_once, formatting_does_not_matter, what_is_missing_is_named, two_of_a_kind_are_refused,
             half_done_is_refused, no_source_is_refused]
    print(f'1..{len(tests)}')
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f'ok {number} {test.__name__}')
        except (AssertionError, hook.HookError) as error:
            failed += 1
            print(f'not ok {number} {test.__name__}')
            print(''.join(f'# {line}\n' for line in str(error).splitlines()), end='')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
