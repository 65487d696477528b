/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Registers and protocols of the SMBus host controllers (see hw/i2c/smbus_host.h). */
#include "hw/i2c/smbus_host.h"

enum {
    HST_STS = 0x00,
    HST_CNT = 0x02,
    HST_CMD = 0x03,
    XMIT_SLVA = 0x04,
    HST_D0 = 0x05,
    HST_D1 = 0x06,
    HOST_BLOCK_DB = 0x07,
    PEC = 0x08, /* from here on PIIX4 has its slave's registers */
    RCV_SLVA = 0x09,
    SLV_DATA0 = 0x0a,
    AUX_STS = 0x0c,
    AUX_CTL = 0x0d,
    SMLINK_PIN_CTL = 0x0e,
    SMBUS_PIN_CTL = 0x0f,
    SLV_STS = 0x10,
    SLV_CMD = 0x11,
};
enum {
    STS_BUSY = BIT(0),
    STS_INTR = BIT(1),
    STS_DEV_ERR = BIT(2),
    STS_BUS_ERR = BIT(3),
    STS_FAILED = BIT(4),
    STS_ALERT = BIT(5),
    STS_INUSE = BIT(6),
    STS_BYTE_DONE = BIT(7),
};
enum {
    CNT_INTREN = BIT(0),
    CNT_KILL = BIT(1),
    CNT_PROTOCOL = 7 << 2,
    CNT_LAST_BYTE = BIT(5),
    CNT_START = BIT(6),
    CNT_PEC_EN = BIT(7),
};
enum { AUX_STS_CRCE = BIT(0), AUX_CTL_AAC = BIT(0), AUX_CTL_E32B = BIT(1) };
enum {
    PROTO_QUICK,
    PROTO_BYTE,
    PROTO_BYTE_DATA,
    PROTO_WORD_DATA,
    PROTO_PROCESS_CALL,
    PROTO_BLOCK,
    PROTO_I2C_READ,
    PROTO_BLOCK_PROCESS,
};

static void update_interrupt(SMBusHost *s)
{
    uint8_t causes = STS_INTR | STS_DEV_ERR | STS_BUS_ERR | STS_FAILED | STS_BYTE_DONE;

    s->interrupt(s->opaque, (s->cnt & CNT_INTREN) && (s->sts & causes));
}

/* --- bytes on the wire, and their CRC-8 (SMBus 2.0, 5.4) ------------------------------------- */

static void add_crc(SMBusHost *s, uint8_t byte)
{
    s->crc ^= byte;
    for (int n = 0; n < 8; n++) {
        s->crc = s->crc & 0x80 ? s->crc << 1 ^ 0x07 : s->crc << 1;
    }
}

static bool start(SMBusHost *s, bool read)
{
    add_crc(s, (s->addr & 0xfe) | read);
    return i2c_start(s->bus, s->addr >> 1, read);
}

static bool send(SMBusHost *s, uint8_t byte)
{
    add_crc(s, byte);
    return i2c_send(s->bus, byte);
}

static uint8_t receive(SMBusHost *s)
{
    uint8_t byte = i2c_recv(s->bus);

    add_crc(s, byte);
    return byte;
}

static void finish(SMBusHost *s, uint8_t status)
{
    i2c_stop(s->bus);
    s->by_byte = false;
    s->sts = (s->sts & ~STS_BUSY) | status;
}

static bool uses_pec(const SMBusHost *s)
{
    return s->ich && (s->cnt & CNT_PEC_EN);
}

/* The byte behind a message that says whether the message was right: with AAC the controller makes
 * and checks it, else software does. */
static uint8_t end_write(SMBusHost *s)
{
    if (uses_pec(s)) {
        if (s->aux_ctl & AUX_CTL_AAC) {
            s->pec = s->crc;
        }
        if (!i2c_send(s->bus, s->pec)) {
            return STS_DEV_ERR;
        }
    }
    return STS_INTR;
}

static uint8_t end_read(SMBusHost *s)
{
    if (uses_pec(s)) {
        s->pec = i2c_recv(s->bus);
        if ((s->aux_ctl & AUX_CTL_AAC) && s->pec != s->crc) {
            s->aux_sts |= AUX_STS_CRCE;
            return STS_DEV_ERR;
        }
    }
    return STS_INTR;
}

/* --- blocks ---------------------------------------------------------------------------------- */

/* Byte by byte: software is told of each, and moves the next one by clearing BYTE_DONE. */
static void one_byte(SMBusHost *s)
{
    if (s->block_read) {
        s->block_byte = receive(s);
    } else if (!send(s, s->block_byte)) {
        finish(s, STS_DEV_ERR);
        return;
    }
    s->done++;
    if (s->block_read && (s->cnt & CNT_LAST_BYTE)) {
        s->count = s->done; /* this was the last one, whatever the device has */
    }
    s->sts |= STS_BYTE_DONE;
}

static void next_byte(SMBusHost *s)
{
    /* n bytes make n + 1 interrupts: the end is told when the last byte has been taken. */
    if (s->done >= s->count) {
        finish(s, s->block_read ? end_read(s) : end_write(s));
    } else {
        one_byte(s);
    }
}

static bool count_ok(unsigned count)
{
    return count >= 1 && count <= SMBUS_BLOCK_MAX;
}

static bool buffered(const SMBusHost *s)
{
    return !s->ich || (s->aux_ctl & AUX_CTL_E32B);
}

static void move_by_bytes(SMBusHost *s, bool read, unsigned count)
{
    s->by_byte = true;
    s->block_read = read;
    s->done = 0;
    s->count = count;
    one_byte(s);
}

static uint8_t block_write(SMBusHost *s)
{
    if (!count_ok(s->d0) || !start(s, false) || !send(s, s->cmd) || !send(s, s->d0)) {
        return STS_DEV_ERR;
    }
    if (!buffered(s)) {
        move_by_bytes(s, false, s->d0);
        return s->by_byte ? STS_BUSY : 0;
    }
    for (unsigned n = 0; n < s->d0; n++) {
        if (!send(s, s->buffer[n])) {
            return STS_DEV_ERR;
        }
    }
    return end_write(s);
}

/* The device has been addressed for reading: its count, and so many bytes. */
static uint8_t receive_block(SMBusHost *s)
{
    s->d0 = receive(s);
    if (!count_ok(s->d0)) {
        return STS_DEV_ERR;
    }
    if (!buffered(s)) {
        move_by_bytes(s, true, s->d0);
        return STS_BUSY;
    }
    for (unsigned n = 0; n < s->d0; n++) {
        s->buffer[n] = receive(s);
    }
    return end_read(s);
}

static uint8_t block_read(SMBusHost *s)
{
    return start(s, false) && send(s, s->cmd) && start(s, true) ? receive_block(s) : STS_DEV_ERR;
}

/* Writes a block and reads one in the same transaction; only with the buffer. */
static uint8_t block_process(SMBusHost *s)
{
    if (!buffered(s) || !count_ok(s->d0) || !start(s, false) || !send(s, s->cmd) ||
        !send(s, s->d0)) {
        return STS_DEV_ERR;
    }
    for (unsigned n = 0; n < s->d0; n++) {
        if (!send(s, s->buffer[n])) {
            return STS_DEV_ERR;
        }
    }
    return start(s, true) ? receive_block(s) : STS_DEV_ERR;
}

/* The offset is in HST_D1, how much is read is software's business (data sheet, 5.20.1.1). */
static uint8_t i2c_read(SMBusHost *s)
{
    if (buffered(s) || uses_pec(s) || !start(s, false) || !send(s, s->d1) || !start(s, true)) {
        return STS_DEV_ERR;
    }
    move_by_bytes(s, true, UINT_MAX);
    return STS_BUSY;
}

/* --- the other protocols (SMBus 2.0, 5.5) ---------------------------------------------------- */

static uint8_t byte_protocol(SMBusHost *s, bool read)
{
    if (!start(s, read)) {
        return STS_DEV_ERR;
    }
    if (read) {
        s->d0 = receive(s);
        return end_read(s);
    }
    return send(s, s->cmd) ? end_write(s) : STS_DEV_ERR;
}

static uint8_t read_data(SMBusHost *s, bool word)
{
    if (!start(s, true)) {
        return STS_DEV_ERR;
    }
    s->d0 = receive(s);
    if (word) {
        s->d1 = receive(s);
    }
    return end_read(s);
}

static uint8_t data_protocol(SMBusHost *s, bool read, bool word)
{
    if (!start(s, false) || !send(s, s->cmd)) {
        return STS_DEV_ERR;
    }
    if (read) {
        return read_data(s, word);
    }
    return send(s, s->d0) && (!word || send(s, s->d1)) ? end_write(s) : STS_DEV_ERR;
}

static uint8_t process_call(SMBusHost *s)
{
    return start(s, false) && send(s, s->cmd) && send(s, s->d0) && send(s, s->d1)
               ? read_data(s, true)
               : STS_DEV_ERR;
}

/* What the status register gets. */
static uint8_t run(SMBusHost *s)
{
    unsigned protocol = (s->cnt & CNT_PROTOCOL) >> 2;
    bool read = s->addr & 1;

    if (!s->ich && (protocol == PROTO_PROCESS_CALL || protocol > PROTO_BLOCK)) {
        return STS_DEV_ERR; /* reserved */
    }
    switch (protocol) {
    case PROTO_QUICK:
        return start(s, read) ? STS_INTR : STS_DEV_ERR;
    case PROTO_BYTE:
        return byte_protocol(s, read);
    case PROTO_BYTE_DATA:
    case PROTO_WORD_DATA:
        return data_protocol(s, read, protocol == PROTO_WORD_DATA);
    case PROTO_PROCESS_CALL:
        return process_call(s);
    case PROTO_BLOCK:
        return read ? block_read(s) : block_write(s);
    case PROTO_I2C_READ:
        return i2c_read(s);
    default:
        return block_process(s);
    }
}

static void start_transaction(SMBusHost *s)
{
    uint8_t status;

    if (!s->enabled || s->by_byte || (s->cnt & CNT_KILL)) {
        return;
    }
    s->crc = 0;
    s->index = 0;
    s->sts |= STS_BUSY;
    status = run(s);
    if (!s->by_byte) {
        finish(s, status & ~STS_BUSY);
    }
}

/* --- registers ------------------------------------------------------------------------------- */

static void write_status(SMBusHost *s, uint8_t val)
{
    uint8_t clear = STS_INTR | STS_DEV_ERR | STS_BUS_ERR | STS_FAILED;
    bool taken = (val & s->sts & STS_BYTE_DONE) != 0;

    if (s->ich) {
        clear |= STS_ALERT | STS_INUSE | STS_BYTE_DONE;
    }
    s->sts &= ~(val & clear);
    if (taken && s->by_byte) {
        next_byte(s);
    }
}

static void write_control(SMBusHost *s, uint8_t val)
{
    uint8_t writable = CNT_INTREN | CNT_KILL | CNT_PROTOCOL;

    if (s->ich) {
        writable |= CNT_LAST_BYTE | CNT_PEC_EN;
    }
    s->cnt = val & writable;
    if ((val & CNT_KILL) && s->by_byte) {
        finish(s, STS_FAILED);
    } else if (val & CNT_START) {
        start_transaction(s);
    }
}

static uint8_t *pec_or_slave(SMBusHost *s, unsigned reg)
{
    if (!s->ich) {
        return reg >= PEC && reg < PEC + sizeof(s->piix_slave) ? &s->piix_slave[reg - PEC] : NULL;
    }
    switch (reg) {
    case PEC:
        return &s->pec;
    case RCV_SLVA:
        return &s->slave_addr;
    case AUX_STS:
        return &s->aux_sts;
    case AUX_CTL:
        return &s->aux_ctl;
    case SMLINK_PIN_CTL:
    case SMBUS_PIN_CTL:
        return &s->pin_ctl[reg - SMLINK_PIN_CTL];
    case SLV_STS:
        return &s->slave_sts;
    case SLV_CMD:
        return &s->slave_cmd;
    default:
        return NULL; /* nobody sends to our slave */
    }
}

static void write_ich(SMBusHost *s, unsigned reg, uint8_t val)
{
    uint8_t *p = pec_or_slave(s, reg);

    switch (reg) {
    case PEC:
        *p = val;
        break;
    case RCV_SLVA:
        *p = val & 0x7f;
        break;
    case AUX_STS:
        *p &= ~(val & AUX_STS_CRCE);
        break;
    case AUX_CTL:
        *p = val & (AUX_CTL_AAC | AUX_CTL_E32B);
        break;
    case SMLINK_PIN_CTL:
    case SMBUS_PIN_CTL:
        *p = 3 | (val & 4); /* the lines themselves are high */
        break;
    case SLV_CMD:
        *p = val & 7;
        break;
    default:
        break;
    }
}

static uint8_t read_register(SMBusHost *s, unsigned reg)
{
    uint8_t val, *p;

    switch (reg) {
    case HST_STS:
        val = s->sts;
        if (s->ich) {
            s->sts |= STS_INUSE; /* whoever reads 0 has the controller */
        }
        return val;
    case HST_CNT:
        s->index = 0;
        return s->cnt;
    case HST_CMD:
        return s->cmd;
    case XMIT_SLVA:
        return s->addr;
    case HST_D0:
        return s->d0;
    case HST_D1:
        return s->d1;
    case HOST_BLOCK_DB:
        if (!buffered(s)) {
            return s->block_byte;
        }
        val = s->buffer[s->index];
        s->index = (s->index + 1) % SMBUS_BLOCK_MAX;
        return val;
    default:
        p = pec_or_slave(s, reg);
        return p ? *p : 0;
    }
}

static void write_register(SMBusHost *s, unsigned reg, uint8_t val)
{
    switch (reg) {
    case HST_STS:
        write_status(s, val);
        break;
    case HST_CNT:
        write_control(s, val);
        break;
    case HST_CMD:
        s->cmd = val;
        break;
    case XMIT_SLVA:
        s->addr = val;
        break;
    case HST_D0:
        s->d0 = val;
        break;
    case HST_D1:
        s->d1 = val;
        break;
    case HOST_BLOCK_DB:
        if (!buffered(s)) {
            s->block_byte = val;
        } else {
            s->buffer[s->index] = val;
            s->index = (s->index + 1) % SMBUS_BLOCK_MAX;
        }
        break;
    default:
        if (s->ich) {
            write_ich(s, reg, val);
        } else if (reg >= PEC && reg < PEC + sizeof(s->piix_slave)) {
            s->piix_slave[reg - PEC] = val;
        }
        break;
    }
}

static uint64_t io_read(void *opaque, hwaddr offset, unsigned size)
{
    SMBusHost *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    return read_register(s, offset);
}

static void io_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    SMBusHost *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    write_register(s, offset, data);
    update_interrupt(s);
}

static const MemoryRegionOps io_ops = {
    .read = io_read,
    .write = io_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {.min_access_size = 1, .max_access_size = 4, .unaligned = true},
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

/* --- life ------------------------------------------------------------------------------------ */

void smbus_host_enable(SMBusHost *s, bool on)
{
    QEMU_LOCK_GUARD(&s->lock);

    s->enabled = on;
}

void smbus_host_reset(SMBusHost *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    i2c_stop(s->bus);
    s->sts = s->cnt = s->cmd = s->addr = s->d0 = s->d1 = s->pec = s->block_byte = 0;
    s->aux_sts = s->aux_ctl = s->slave_sts = s->slave_cmd = 0;
    s->slave_addr = 0x44;
    s->pin_ctl[0] = s->pin_ctl[1] = 7;
    memset(s->piix_slave, 0, sizeof(s->piix_slave));
    memset(s->buffer, 0, sizeof(s->buffer));
    s->index = 0;
    s->by_byte = false;
    update_interrupt(s);
}

void smbus_host_init(SMBusHost *s, Object *owner, const char *name, unsigned size)
{
    qemu_mutex_init(&s->lock);
    memory_region_init_io(&s->io, owner, &io_ops, s, name, size);
}

void smbus_host_cleanup(SMBusHost *s)
{
    if (s->io.name) {
        qemu_mutex_destroy(&s->lock);
    }
}
