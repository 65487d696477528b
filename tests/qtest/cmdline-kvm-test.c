/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -accel kvm on hosts that have no KVM, or not all of it: told in one line, never a silent
 * fallback. The library kvm-preload stands for those hosts, so that this runs on any.
 */
#include "libqtest.h"

#include <linux/kvm.h>

static const char *library;

static void refused_on(const char *host, const char *args, const char *words)
{
    g_autofree char *asan = g_strdup_printf(
        "verify_asan_link_order=0:%s", g_getenv("ASAN_OPTIONS") ? g_getenv("ASAN_OPTIONS") : "");

    g_setenv("ASAN_OPTIONS", asan, true);
    g_setenv("KVM_PRELOAD", host, true);
    g_setenv("LD_PRELOAD", library, true);
    qtest_refused(words, "-machine q35 -display none -nodefaults %s", args);
    g_unsetenv("LD_PRELOAD");
}

static void test_no_kvm(void)
{
    refused_on("absent", "-accel kvm", "-accel kvm|/dev/kvm|No such file|module");
    refused_on("absent", "-enable-kvm", "-accel kvm|/dev/kvm|No such file|module");
    refused_on("absent", "", "-accel kvm|/dev/kvm|No such file|module");
    refused_on("denied", "-accel kvm", "-accel kvm|/dev/kvm|Permission denied|group");
    refused_on("version=11", "-accel kvm", "-accel kvm|/dev/kvm|version 12");
    refused_on("no-vm", "-accel kvm", "-accel kvm|KVM_CREATE_VM|busy");
}

static void test_capabilities(void)
{
    static const struct {
        unsigned number;
        const char *words;
    } needed[] = {
        {KVM_CAP_USER_MEMORY, "-accel kvm|KVM_CAP_USER_MEMORY;|use Linux 2.6.25"},
        {KVM_CAP_READONLY_MEM, "-accel kvm|KVM_CAP_READONLY_MEM;|use Linux 3.7"},
        {KVM_CAP_IRQCHIP, "-accel kvm|KVM_CAP_IRQCHIP;|use Linux 2.6.20"},
        {KVM_CAP_IRQFD, "-accel kvm|KVM_CAP_IRQFD;|use Linux 2.6.32"},
        {KVM_CAP_SIGNAL_MSI, "-accel kvm|KVM_CAP_SIGNAL_MSI;|use Linux 3.5"},
        {KVM_CAP_IOEVENTFD, "-accel kvm|KVM_CAP_IOEVENTFD;|use Linux 2.6.32"},
        {KVM_CAP_XSAVE, "-accel kvm|KVM_CAP_XSAVE;|use Linux 2.6.36"},
        {KVM_CAP_IMMEDIATE_EXIT, "-accel kvm|KVM_CAP_IMMEDIATE_EXIT;|use Linux 4.11"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(needed); i++) {
        g_autofree char *host = g_strdup_printf("lacks=%u", needed[i].number);

        refused_on(host, "-accel kvm", needed[i].words);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    library = g_getenv("KVM_LIBRARY");
    if (!library) {
        g_printerr("KVM_LIBRARY must name the library kvm-preload\n");
        return 1;
    }
    g_test_add_func("/cmdline/kvm/none", test_no_kvm);
    g_test_add_func("/cmdline/kvm/capabilities", test_capabilities);
    return g_test_run();
}
