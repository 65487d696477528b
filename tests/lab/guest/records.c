/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes numbered records into a file system and says of each when it is durable; or looks whether
 * they are all there.
 *
 *   records write FOLDER NAME FIRST     from record FIRST on, for ever; "ACK NAME n" for each
 *   records check FOLDER NAME LAST      records 0 to LAST must be there; "HELD NAME LAST more", or
 * "LOST NAME n ..."
 *
 * The file "data" has 2048 places that are used in a circle.  The last 1536 records are looked for:
 * what the console has still to tell when the power is cut may lie in the others.
 *
 * Record n becomes durable in one of four ways, by turns: 0 fdatasync, 1 fsync, 2 a direct write
 * with O_DSYNC, each at its place in the file "data"; 3 a new file that is synced, renamed over one
 * of 16 others, and its folder synced.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD 4096
#define PLACES 2048L
#define CHECKED 1536L
#define SLOTS 16

static char buffer[RECORD] __attribute__((aligned(4096)));
static char wanted[RECORD] __attribute__((aligned(4096)));

/* One line in one write: two writers share the console. */
static void say(const char *format, ...)
{
    char line[200];
    va_list list;

    va_start(list, format);
    int length = vsnprintf(line, sizeof(line), format, list);
    va_end(list);
    if (write(1, line, length) != length) {
        exit(3);
    }
}

static void fail(const char *what)
{
    say("GUEST records: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* Every word depends on the record and on its own place, so neither a torn nor a misplaced record
 * looks right. */
static void fill(char *to, const char *name, long number)
{
    uint64_t state = 0x9e3779b97f4a7c15u * (number + 1) + (unsigned char)name[0];

    for (size_t at = 0; at < RECORD; at += sizeof(state)) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memcpy(to + at, &state, sizeof(state));
    }
    memcpy(to, &number, sizeof(number));
}

static long number_in(const char *record)
{
    long number;

    memcpy(&number, record, sizeof(number));
    return number;
}

static void write_at(int fd, long number)
{
    if (pwrite(fd, buffer, RECORD, number % PLACES * RECORD) != RECORD) {
        fail("write");
    }
}

static void replace_file(long number)
{
    char slot[20];
    int fd = open("new", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int folder = open(".", O_RDONLY | O_DIRECTORY);

    snprintf(slot, sizeof(slot), "slot%ld", number / 4 % SLOTS);
    if (fd < 0 || folder < 0 || write(fd, buffer, RECORD) != RECORD || fsync(fd) || close(fd) ||
        rename("new", slot) || fsync(folder) || close(folder)) {
        fail("replace a file");
    }
}

static _Noreturn void write_records(const char *name, long first)
{
    int fd = open("data", O_RDWR | O_CREAT, 0600);
    int direct = open("data", O_RDWR | O_DIRECT | O_DSYNC);

    if (fd < 0 || direct < 0) {
        fail("open");
    }
    for (long number = first;; number++) {
        int bad = 0;

        fill(buffer, name, number);
        switch (number % 4) {
        case 0:
            write_at(fd, number);
            bad = fdatasync(fd);
            break;
        case 1:
            write_at(fd, number);
            bad = fsync(fd);
            break;
        case 2:
            write_at(direct, number);
            break;
        case 3:
            replace_file(number);
            break;
        }
        if (bad) {
            fail("sync");
        }
        say("ACK %s %ld\n", name, number);
    }
}

static bool at_its_place(int fd, const char *name, long number)
{
    fill(wanted, name, number);
    return pread(fd, buffer, RECORD, number % PLACES * RECORD) == RECORD &&
           !memcmp(buffer, wanted, RECORD);
}

/* The slot's file must hold this record or a later one of the same slot. */
static bool in_its_slot(const char *name, long number)
{
    char slot[20];
    long found;

    snprintf(slot, sizeof(slot), "slot%ld", number / 4 % SLOTS);
    int fd = open(slot, O_RDONLY);
    if (fd < 0) {
        return false;
    }
    bool whole = read(fd, buffer, RECORD) == RECORD;
    close(fd);
    found = number_in(buffer);
    if (!whole || found < number || (found - number) % (4 * SLOTS)) {
        return false;
    }
    fill(wanted, name, found);
    return !memcmp(buffer, wanted, RECORD);
}

static int check_records(const char *name, long last)
{
    int fd = open("data", O_RDONLY);
    long more = last + 1;

    for (long number = last < CHECKED ? 0 : last + 1 - CHECKED; number <= last; number++) {
        if (number % 4 == 3 ? !in_its_slot(name, number)
                            : fd < 0 || !at_its_place(fd, name, number)) {
            say("LOST %s %ld: of %ld acknowledged records, this is not there\n", name, number,
                last + 1);
            return 1;
        }
    }
    while (fd >= 0 && more - last <= PLACES &&
           (more % 4 == 3 ? in_its_slot(name, more) : at_its_place(fd, name, more))) {
        more++;
    }
    say("HELD %s %ld and %ld more\n", name, last + 1, more - last - 1);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 5 || chdir(argv[2])) {
        return 2;
    }
    if (!strcmp(argv[1], "write")) {
        write_records(argv[3], atol(argv[4]));
    }
    return check_records(argv[3], atol(argv[4]));
}
