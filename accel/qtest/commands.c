/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of the qtest protocol.  A bad request gets FAIL with the reason, and nothing else
 * happens. */
#include "qtest-internal.h"

#include "qemu/aio.h"
#include "system/accel.h"
#include "system/cpus.h"
#include "system/memory.h"
#include "system/runstate.h"

/* Largest memory access of one request. */
#define MAX_BYTES (256 * MiB)
#define MAX_MEMSET (64 * GiB)

typedef struct Verb {
    const char *name;
    unsigned args; /* at least so many words follow */
    void (*run)(const struct Verb *verb, char **words, unsigned n);
    unsigned size; /* of an access */
} Verb;

/* --- arguments
 * -----------------------------------------------------------------------------------------------------
 */

static bool get_number(const char *word, uint64_t *value)
{
    char *end;

    errno = 0;
    *value = g_ascii_strtoull(word, &end, 0);
    if (end == word || *end || errno) {
        qtest_reply("FAIL '%.40s' is no number", word);
        return false;
    }
    return true;
}

/* Address and length of a block access. */
static bool get_block(char **words, uint64_t *addr, uint64_t *len, uint64_t max)
{
    if (!get_number(words[1], addr) || !get_number(words[2], len)) {
        return false;
    }
    if (*len > max) {
        qtest_reply("FAIL Size %" PRIu64 " is above %" PRIu64, *len, max);
        return false;
    }
    return true;
}

/* Memory requests act on the first CPU's view of memory. */
static bool have_cpu(void)
{
    if (!cpu_first()) {
        qtest_reply("FAIL The machine has no CPU and so no memory to access");
        return false;
    }
    return true;
}

/* --- ports
 * ------------------------------------------------------------------------------------------------------------
 */

static bool get_port(const char *word, uint64_t *port)
{
    if (!get_number(word, port)) {
        return false;
    }
    if (*port > 0xffff) {
        qtest_reply("FAIL Port 0x%" PRIx64 " is above 0xffff", *port);
        return false;
    }
    return true;
}

static void run_in(const Verb *verb, char **words, unsigned n)
{
    uint64_t port, value = 0;

    if (get_port(words[1], &port)) {
        address_space_load(&address_space_io, port, verb->size, &value, MEMTXATTRS_UNSPECIFIED);
        qtest_reply("OK 0x%04" PRIx64, value & MASK_ULL(verb->size * 8));
    }
}

static void run_out(const Verb *verb, char **words, unsigned n)
{
    uint64_t port, value;

    if (get_port(words[1], &port) && get_number(words[2], &value)) {
        address_space_store(&address_space_io, port, verb->size, value & MASK_ULL(verb->size * 8),
                            MEMTXATTRS_UNSPECIFIED);
        qtest_reply("OK");
    }
}

/* --- memory
 * -------------------------------------------------------------------------------------------------------------
 */

static void run_load(const Verb *verb, char **words, unsigned n)
{
    uint64_t addr, value = 0;

    if (have_cpu() && get_number(words[1], &addr)) {
        address_space_load(&address_space_memory, addr, verb->size, &value, MEMTXATTRS_UNSPECIFIED);
        qtest_reply("OK 0x%016" PRIx64, value & MASK_ULL(verb->size * 8));
    }
}

static void run_store(const Verb *verb, char **words, unsigned n)
{
    uint64_t addr, value;

    if (have_cpu() && get_number(words[1], &addr) && get_number(words[2], &value)) {
        address_space_store(&address_space_memory, addr, verb->size,
                            value & MASK_ULL(verb->size * 8), MEMTXATTRS_UNSPECIFIED);
        qtest_reply("OK");
    }
}

/* The bytes at addr; NULL when the request was answered already. */
static uint8_t *read_block(char **words, uint64_t *len)
{
    uint64_t addr;
    uint8_t *data;

    if (!have_cpu() || !get_block(words, &addr, len, MAX_BYTES)) {
        return NULL;
    }
    if (!*len) {
        qtest_reply("FAIL Size is 0");
        return NULL;
    }
    data = g_malloc0(*len);
    address_space_rw(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED, data, *len, false);
    return data;
}

static void run_read(const Verb *verb, char **words, unsigned n)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t len;
    g_autofree uint8_t *data = read_block(words, &len);
    GString *out;

    if (!data) {
        return;
    }
    out = g_string_sized_new(2 * len + 8);
    g_string_append(out, "OK 0x");
    for (uint64_t i = 0; i < len; i++) {
        g_string_append_c(out, digits[data[i] >> 4]);
        g_string_append_c(out, digits[data[i] & 15]);
    }
    qtest_reply_take(out);
}

static void run_b64read(const Verb *verb, char **words, unsigned n)
{
    uint64_t len;
    g_autofree uint8_t *data = read_block(words, &len);
    g_autofree char *text = NULL;
    GString *out;

    if (!data) {
        return;
    }
    text = g_base64_encode(data, len);
    out = g_string_new("OK ");
    g_string_append(out, text);
    qtest_reply_take(out);
}

/* Fills data from hexadecimal digits; surplus ones are ignored, a lone last one is dropped.  False
 * for other characters. */
static bool parse_hex(const char *hex, uint8_t *data, uint64_t len)
{
    for (uint64_t i = 0; i < len && hex[0] && hex[1]; i++, hex += 2) {
        int high = g_ascii_xdigit_value(hex[0]), low = g_ascii_xdigit_value(hex[1]);

        if (high < 0 || low < 0) {
            return false;
        }
        data[i] = high << 4 | low;
    }
    return true;
}

static void run_write(const Verb *verb, char **words, unsigned n)
{
    g_autofree uint8_t *data = NULL;
    uint64_t addr, len;

    if (!have_cpu() || !get_block(words, &addr, &len, MAX_BYTES)) {
        return;
    }
    if (strlen(words[3]) < 3) {
        qtest_reply("ERR invalid argument size");
        return;
    }
    data = g_malloc0(MAX(len, 1));
    if (words[3][0] != '0' || (words[3][1] | 0x20) != 'x' || !parse_hex(words[3] + 2, data, len)) {
        qtest_reply("FAIL Data is not hexadecimal");
        return;
    }
    address_space_rw(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED, data, len, true);
    qtest_reply("OK");
}

static void run_b64write(const Verb *verb, char **words, unsigned n)
{
    g_autofree uint8_t *data = NULL;
    uint64_t addr, len;
    gsize have;

    if (!have_cpu() || !get_block(words, &addr, &len, MAX_BYTES)) {
        return;
    }
    data = g_base64_decode(words[3], &have);
    address_space_rw(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED, data, MIN(len, have),
                     true);
    qtest_reply("OK");
}

static void run_memset(const Verb *verb, char **words, unsigned n)
{
    g_autofree uint8_t *chunk = NULL;
    uint64_t addr, len, value;
    uint64_t size;

    if (!have_cpu() || !get_block(words, &addr, &len, MAX_MEMSET) ||
        !get_number(words[3], &value)) {
        return;
    }
    size = MIN(len, (uint64_t)MiB);
    chunk = g_malloc(MAX(size, 1));
    memset(chunk, (int)(value & 0xff), size);
    for (uint64_t done = 0; done < len; done += MIN(size, len - done)) {
        address_space_rw(&address_space_memory, addr + done, MEMTXATTRS_UNSPECIFIED, chunk,
                         MIN(size, len - done), true);
    }
    qtest_reply("OK");
}

static void run_endianness(const Verb *verb, char **words, unsigned n)
{
    qtest_reply("OK little");
}

/* --- clock
 * ----------------------------------------------------------------------------------------------------------------
 */

static void unknown(const char *word)
{
    qtest_reply("FAIL Unknown command '%s'", word);
}

/* Moves the virtual clock to target, if it may be moved there. */
static void advance(int64_t now, int64_t target, bool allowed)
{
    /* A guest that sleeps has time, too: its clock may wake it. */
    allowed = allowed && (runstate_is_running() || runstate_get() == RUN_STATE_SUSPENDED);
    if (allowed) {
        now = target > now ? aio_clock_advance(target) : now;
    }
    qtest_reply("%s %" PRId64, allowed ? "OK" : "FAIL", now);
}

static bool get_signed(const char *word, int64_t *value)
{
    char *end;

    errno = 0;
    *value = g_ascii_strtoll(word, &end, 0);
    if (end == word || *end || errno) {
        qtest_reply("FAIL '%.40s' is no number", word);
        return false;
    }
    return true;
}

static void run_clock_step(const Verb *verb, char **words, unsigned n)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), target, step;

    if (!qtest_enabled()) {
        unknown(words[0]);
    } else if (n < 2) {
        target = aio_clock_next_deadline();
        advance(now, target, target >= now);
    } else if (get_signed(words[1], &step)) {
        bool good = step > 0 && !__builtin_add_overflow(now, step, &target);

        advance(now, good ? target : now, good);
    }
}

static void run_clock_set(const Verb *verb, char **words, unsigned n)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL), target;

    if (!qtest_enabled()) {
        unknown(words[0]);
    } else if (get_signed(words[1], &target)) {
        advance(now, target, target >= now);
    }
}

/* --- interrupt lines
 * ---------------------------------------------------------------------------------------------------------
 */

static void run_intercept(const Verb *verb, char **words, unsigned n)
{
    bool outputs = !strcmp(verb->name, "irq_intercept_out");
    const char *why = qtest_intercept(words[1], outputs, n > 2 ? words[2] : NULL);

    if (why) {
        qtest_reply("FAIL %s", why);
    } else {
        qtest_reply("OK");
    }
}

static void run_set_irq_in(const Verb *verb, char **words, unsigned n)
{
    const char *name = strcmp(words[2], "unnamed-gpio-in") ? words[2] : NULL;
    Object *obj = object_resolve_path_type(words[1], TYPE_DEVICE, NULL);
    NamedGpioList *list;
    uint64_t line;
    int64_t level;

    if (!obj) {
        qtest_reply("FAIL Unknown device");
        return;
    }
    list = qdev_find_gpio_list(DEVICE(obj), name);
    if (!get_number(words[3], &line) || !get_signed(words[4], &level)) {
        return;
    }
    if (!list || line >= (uint64_t)list->n_in) {
        qtest_reply("FAIL Device has no input line %s[%" PRIu64 "]", words[2], line);
        return;
    }
    qemu_set_irq(&list->in[line], (int)level);
    qtest_reply("OK");
}

static void run_module_load(const Verb *verb, char **words, unsigned n)
{
    qtest_reply("FAIL"); /* this build has no modules */
}

/* --- table
 * ---------------------------------------------------------------------------------------------------------------------
 */

static const Verb verbs[] = {
    {"endianness", 0, run_endianness},
    {"inb", 1, run_in, 1},
    {"inw", 1, run_in, 2},
    {"inl", 1, run_in, 4},
    {"outb", 2, run_out, 1},
    {"outw", 2, run_out, 2},
    {"outl", 2, run_out, 4},
    {"readb", 1, run_load, 1},
    {"readw", 1, run_load, 2},
    {"readl", 1, run_load, 4},
    {"readq", 1, run_load, 8},
    {"writeb", 2, run_store, 1},
    {"writew", 2, run_store, 2},
    {"writel", 2, run_store, 4},
    {"writeq", 2, run_store, 8},
    {"read", 2, run_read},
    {"write", 3, run_write},
    {"b64read", 2, run_b64read},
    {"b64write", 3, run_b64write},
    {"memset", 3, run_memset},
    {"clock_step", 0, run_clock_step},
    {"clock_set", 1, run_clock_set},
    {"irq_intercept_in", 1, run_intercept},
    {"irq_intercept_out", 1, run_intercept},
    {"set_irq_in", 4, run_set_irq_in},
    {"module_load", 2, run_module_load},
};

void qtest_run_request(char **words, unsigned n)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (strcmp(verbs[i].name, words[0])) {
            continue;
        }
        if (n - 1 < verbs[i].args) {
            qtest_reply("FAIL '%s' needs %u argument%s", words[0], verbs[i].args,
                        verbs[i].args == 1 ? "" : "s");
        } else {
            verbs[i].run(&verbs[i], words, n);
        }
        return;
    }
    unknown(words[0]);
}
