/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libFuzzer: the qtest protocol, and behind it the devices of a q35 with an NVMe controller.  The
 * input is what a client sends.  It drives registers, ports, guest RAM and the clock as it likes;
 * the machine is reset after each input.
 */
#include "emulator.h"

#include "../../chardev/chardev-internal.h"
#include "qemu/aio.h"
#include "system/runstate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { MAX_BLOCK = 64 * KiB, MAX_LINES = 200 };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const args[] = {
        "-machine",   "q35",
        "-m",         "32",
        "-qtest",     "null",
        "-qtest-log", "none",
        "-object",    "iothread,id=iot0",
        "-object",    "ioregionfd,id=ior0,iothread=iot0",
        "-blockdev",  "null-co,node-name=disk0,size=1M",
        "-blockdev",  "null-co,node-name=disk1",
        "-device",    "pcie-root-port,id=rp0,addr=5",
        "-device",    "pci-testdev,addr=3",
        "-device",    "nvme,drive=disk0,serial=a,addr=4",
        "-device",    "pc-testdev",
        "-device",    "nvme,drive=disk1,serial=b,bus=rp0,ioregionfd=ior0",
        "-device",    "pvpanic",
        "-chardev",   "null,id=com",
        "-serial",    "chardev:com",
        NULL};

    emulator_start(args);
    return 0;
}

/* Work that a client may ask for and that takes long is no finding: big blocks, and big steps of
 * the clock, in which a timer may fire each microsecond. */
static bool takes_long(char **words, unsigned n)
{
    static const char *const blocks[] = {"read", "write", "b64read", "b64write", "memset", NULL};
    uint64_t now = (uint64_t)qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), ns;

    if (n && !strcmp(words[0], "clock_step")) {
        return n < 2 || g_ascii_strtoull(words[1], NULL, 0) > 10 * SCALE_MS;
    }
    if (n > 1 && !strcmp(words[0], "clock_set")) {
        ns = g_ascii_strtoull(words[1], NULL, 0);
        return ns > now && ns - now > 10 * SCALE_MS;
    }
    return n > 2 && g_strv_contains(blocks, words[0]) &&
           g_ascii_strtoull(words[2], NULL, 0) > MAX_BLOCK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Chardev *chr = qemu_chr_find("qtest");
    const char *p = (const char *)data, *end = p + size;

    for (int line = 0; p < end && line < MAX_LINES; line++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t len = nl ? (size_t)(nl + 1 - p) : (size_t)(end - p);
        g_autofree char *text = g_strndup(p, len);
        g_auto(GStrv) words = g_strsplit(g_strchomp(text), " ", 8);

        if (!takes_long(words, g_strv_length(words))) {
            chr_deliver(chr, (const uint8_t *)p, (int)len);
        }
        p += len;
        emulator_settle();
    }
    chr_deliver(chr, (const uint8_t *)"\n", 1); /* ends what was begun */
    emulator_settle();
    qemu_system_reset(SHUTDOWN_CAUSE_NONE);
    emulator_settle();
    return 0;
}
