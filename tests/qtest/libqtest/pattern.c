/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images and guest memory whose bytes tell where on the disk they are from. */
#include "pattern.h"

#include <unistd.h>

uint8_t qpattern(uint64_t offset)
{
    return (uint8_t)(offset / 512 * 3 + offset);
}

static uint8_t *bytes_from(uint64_t offset, size_t len)
{
    uint8_t *buf = g_malloc(len);

    for (size_t i = 0; i < len; i++) {
        buf[i] = qpattern(offset + i);
    }
    return buf;
}

char *qpattern_image(size_t size)
{
    g_autofree uint8_t *buf = bytes_from(0, size);
    char *path = NULL;
    int fd = g_file_open_tmp("qtest-image-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, buf, size), ==, (ssize_t)size);
    close(fd);
    return path;
}

void qpattern_check(QTestState *s, uint64_t addr, uint64_t offset, size_t len)
{
    g_autofree uint8_t *got = g_malloc(len);

    qtest_bufread(s, addr, got, len);
    for (size_t i = 0; i < len; i++) {
        if (got[i] != qpattern(offset + i)) {
            g_error("byte %zu from 0x%" G_GINT64_MODIFIER "x of the disk: 0x%x", i, offset, got[i]);
        }
    }
}

void qpattern_put(QTestState *s, uint64_t addr, uint64_t offset, size_t len)
{
    g_autofree uint8_t *buf = bytes_from(offset, len);

    qtest_bufwrite(s, addr, buf, len);
}
