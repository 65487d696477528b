/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 16550A (National PC16550D): registers, FIFOs, interrupts, loop-back, modem lines.
 *
 * Registers are touched under the lock, by vCPU threads and by the main loop's chardev handlers.
 * Characters leave at once, as fast as the back end takes them; when it does not, the transmitter
 * stays busy and the main loop goes on when it can.
 */
#include "hw/char/serial.h"

enum { REG_DATA, REG_IER, REG_IIR_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCR };
enum { IER_RDI = 1, IER_THRI = 2, IER_RLSI = 4, IER_MSI = 8 };
enum {
    IIR_NONE = 1,
    IIR_MSI = 0,
    IIR_THRI = 2,
    IIR_RDI = 4,
    IIR_RLSI = 6,
    IIR_TIMEOUT = 0xc,
    IIR_FIFO = 0xc0
};
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4 };
enum { LCR_DLAB = 0x80, LCR_BREAK = 0x40 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10 };
enum { LSR_DR = 1, LSR_OE = 2, LSR_BI = 0x10, LSR_THRE = 0x20, LSR_TEMT = 0x40, LSR_ERRORS = 0x1e };
enum { MSR_DELTAS = 0x0f, MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };

static void fifo_clear(UartFifo *f)
{
    f->head = f->count = 0;
}

static void fifo_push(UartFifo *f, uint8_t byte)
{
    f->data[(f->head + f->count++) % UART_FIFO_SIZE] = byte;
}

static uint8_t fifo_pop(UartFifo *f)
{
    uint8_t byte = f->data[f->head];

    f->head = (f->head + 1) % UART_FIFO_SIZE;
    f->count--;
    return byte;
}

static bool fifo_mode(const SerialState *s)
{
    return s->fcr & FCR_ENABLE;
}

/* --- interrupts, in the chip's order of priority
 * ------------------------------------------------------ */

static void update_irq(SerialState *s)
{
    uint8_t id = IIR_NONE;

    if ((s->ier & IER_RLSI) && (s->lsr & LSR_ERRORS)) {
        id = IIR_RLSI;
    } else if ((s->ier & IER_RDI) && s->timeout_pending) {
        id = IIR_TIMEOUT;
    } else if ((s->ier & IER_RDI) && (s->lsr & LSR_DR) &&
               (!fifo_mode(s) || s->rx.count >= s->trigger)) {
        id = IIR_RDI;
    } else if ((s->ier & IER_THRI) && s->thr_pending) {
        id = IIR_THRI;
    } else if ((s->ier & IER_MSI) && (s->msr & MSR_DELTAS)) {
        id = IIR_MSI;
    }
    s->iir = id | (fifo_mode(s) ? IIR_FIFO : 0);
    qemu_set_irq(s->irq, id != IIR_NONE);
}

/* Four character times in ns: start, data, parity and stop bits at the programmed rate. */
static int64_t timeout_ns(const SerialState *s)
{
    unsigned bits = 1 + 5 + (s->lcr & 3) + (s->lcr & 8 ? 1 : 0) + (s->lcr & 4 ? 2 : 1);
    int64_t rate = 115200 / (s->divider ? s->divider : 1);

    return 4 * bits * NANOSECONDS_PER_SECOND / MAX(rate, 1);
}

static void receive_timeout(void *opaque)
{
    SerialState *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    if (fifo_mode(s) && s->rx.count) {
        s->timeout_pending = true;
        update_irq(s);
    }
}

static void arm_timeout(SerialState *s)
{
    if (fifo_mode(s) && s->rx.count) {
        aio_timer_mod(s->timeout, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + timeout_ns(s));
    } else {
        aio_timer_del(s->timeout);
    }
}

/* --- receiver
 * -------------------------------------------------------------------------------------------- */

static void receive_byte(SerialState *s, uint8_t byte)
{
    if (fifo_mode(s)) {
        if (s->rx.count == UART_FIFO_SIZE) {
            s->lsr |= LSR_OE;
        } else {
            fifo_push(&s->rx, byte);
        }
        s->lsr |= LSR_DR;
        arm_timeout(s);
    } else {
        if (s->lsr & LSR_DR) {
            s->lsr |= LSR_OE;
        }
        s->rbr = byte;
        s->lsr |= LSR_DR;
    }
}

static int serial_can_read(void *opaque)
{
    SerialState *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    if (fifo_mode(s)) {
        return UART_FIFO_SIZE - s->rx.count;
    }
    return !(s->lsr & LSR_DR);
}

static void serial_read(void *opaque, const uint8_t *buf, int len)
{
    SerialState *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    if (s->mcr & MCR_LOOP) {
        return; /* the line is cut off */
    }
    for (int n = 0; n < len; n++) {
        receive_byte(s, buf[n]);
    }
    update_irq(s);
}

static void serial_event(void *opaque, ChrEvent event)
{
    SerialState *s = opaque;

    if (event == CHR_EVENT_BREAK) {
        QEMU_LOCK_GUARD(&s->lock);
        receive_byte(s, 0);
        s->lsr |= LSR_BI;
        update_irq(s);
    }
}

static uint8_t read_data(SerialState *s, bool *accept)
{
    uint8_t byte;

    if (!fifo_mode(s)) {
        byte = s->rbr;
        s->lsr &= ~(LSR_DR | LSR_BI);
    } else {
        byte = s->rx.count ? fifo_pop(&s->rx) : 0;
        if (!s->rx.count) {
            s->lsr &= ~(LSR_DR | LSR_BI);
        }
        s->timeout_pending = false;
        arm_timeout(s);
    }
    *accept = !(s->mcr & MCR_LOOP);
    return byte;
}

/* --- transmitter
 * ------------------------------------------------------------------------------------------- */

static void transmit_more(void *opaque);

static void transmitter_empty(SerialState *s)
{
    s->lsr |= LSR_THRE | LSR_TEMT;
    s->thr_pending = true;
}

/* Sends what waits; the lock is held. */
static void transmit(SerialState *s)
{
    while (s->tx.count && !s->tx_blocked) {
        uint8_t byte = s->tx.data[s->tx.head];

        if (s->mcr & MCR_LOOP) {
            receive_byte(s, byte);
        } else if (s->chr.chr && qemu_chr_fe_write(&s->chr, &byte, 1) == 0) {
            s->tx_blocked = true;
            qemu_chr_fe_add_watch(&s->chr, transmit_more, s);
            break;
        }
        fifo_pop(&s->tx);
    }
    if (!s->tx.count) {
        transmitter_empty(s);
    }
}

static void transmit_more(void *opaque)
{
    SerialState *s = opaque;
    QEMU_LOCK_GUARD(&s->lock);

    s->tx_blocked = false;
    transmit(s);
    update_irq(s);
}

static void write_data(SerialState *s, uint8_t byte)
{
    s->thr_pending = false;
    s->lsr &= ~(LSR_THRE | LSR_TEMT);
    if (!fifo_mode(s)) {
        s->tx.count = 0; /* a byte that the back end has not taken is overwritten */
    }
    if (s->tx.count < UART_FIFO_SIZE) {
        fifo_push(&s->tx, byte);
    }
    transmit(s);
}

/* --- modem
 * ---------------------------------------------------------------------------------------------------
 */

static void set_modem_inputs(SerialState *s, uint8_t lines)
{
    uint8_t old = s->msr & 0xf0, changed = old ^ lines;

    s->msr = lines | (s->msr & MSR_DELTAS) | (changed & MSR_CTS ? 1 : 0) |
             (changed & MSR_DSR ? 2 : 0) | ((old & MSR_RI) && !(lines & MSR_RI) ? 4 : 0) |
             (changed & MSR_DCD ? 8 : 0);
}

static void update_modem(SerialState *s)
{
    uint8_t lines = MSR_CTS | MSR_DSR | MSR_DCD;

    if (s->mcr & MCR_LOOP) {
        lines = (s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
                (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0);
    }
    set_modem_inputs(s, lines);
}

/* --- registers
 * -------------------------------------------------------------------------------------------------
 */

static void write_fcr(SerialState *s, uint8_t val)
{
    static const uint8_t levels[4] = {1, 4, 8, 14};
    bool toggled = (val ^ s->fcr) & FCR_ENABLE;

    if (toggled || (val & FCR_CLEAR_RX)) {
        fifo_clear(&s->rx);
        s->lsr &= ~(LSR_DR | LSR_BI);
        s->timeout_pending = false;
        aio_timer_del(s->timeout);
    }
    if ((toggled || (val & FCR_CLEAR_TX)) && !s->tx_blocked) {
        fifo_clear(&s->tx);
        transmitter_empty(s);
    }
    s->fcr = val & 0xc9;
    s->trigger = levels[val >> 6];
}

static void write_ier(SerialState *s, uint8_t val)
{
    /* Enabling the transmitter interrupt while the register is empty raises it. */
    if ((val & IER_THRI) && !(s->ier & IER_THRI) && (s->lsr & LSR_THRE)) {
        s->thr_pending = true;
    }
    s->ier = val & 0xf;
}

static uint64_t uart_read(void *opaque, hwaddr offset, unsigned size)
{
    SerialState *s = opaque;
    bool accept = false;
    uint8_t val = 0;

    qemu_mutex_lock(&s->lock);
    switch (offset) {
    case REG_DATA:
        val = s->lcr & LCR_DLAB ? s->divider : read_data(s, &accept);
        break;
    case REG_IER:
        val = s->lcr & LCR_DLAB ? s->divider >> 8 : s->ier;
        break;
    case REG_IIR_FCR:
        val = s->iir;
        if ((val & 0xf) == IIR_THRI) {
            s->thr_pending = false;
        }
        break;
    case REG_LCR:
        val = s->lcr;
        break;
    case REG_MCR:
        val = s->mcr;
        break;
    case REG_LSR:
        val = s->lsr;
        s->lsr &= ~LSR_ERRORS;
        break;
    case REG_MSR:
        val = s->msr;
        s->msr &= ~MSR_DELTAS;
        break;
    case REG_SCR:
        val = s->scr;
        break;
    }
    update_irq(s);
    qemu_mutex_unlock(&s->lock);
    if (accept && s->chr.chr) {
        qemu_chr_fe_accept_input(&s->chr);
    }
    return val;
}

static void uart_write(void *opaque, hwaddr offset, uint64_t data, unsigned size)
{
    SerialState *s = opaque;
    uint8_t val = data;
    QEMU_LOCK_GUARD(&s->lock);

    switch (offset) {
    case REG_DATA:
        if (s->lcr & LCR_DLAB) {
            s->divider = (s->divider & 0xff00) | val;
        } else {
            write_data(s, val);
        }
        break;
    case REG_IER:
        if (s->lcr & LCR_DLAB) {
            s->divider = (s->divider & 0xff) | val << 8;
        } else {
            write_ier(s, val);
        }
        break;
    case REG_IIR_FCR:
        write_fcr(s, val);
        break;
    case REG_LCR:
        s->lcr = val;
        break;
    case REG_MCR:
        s->mcr = val & 0x1f;
        update_modem(s);
        break;
    case REG_SCR:
        s->scr = val;
        break;
    }
    update_irq(s);
}

static const MemoryRegionOps uart_ops = {
    .read = uart_read,
    .write = uart_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = {.min_access_size = 1, .max_access_size = 1},
};

void serial_core_reset(SerialState *s)
{
    QEMU_LOCK_GUARD(&s->lock);

    s->divider = 0x0c;
    s->rbr = s->ier = s->lcr = s->scr = s->fcr = 0;
    s->mcr = MCR_OUT2;
    s->lsr = LSR_THRE | LSR_TEMT;
    s->msr = MSR_DCD | MSR_DSR | MSR_CTS;
    s->trigger = 1;
    fifo_clear(&s->rx);
    if (!s->tx_blocked) {
        fifo_clear(&s->tx);
    }
    s->thr_pending = s->timeout_pending = false;
    aio_timer_del(s->timeout);
    update_irq(s);
}

void serial_core_init(SerialState *s, Object *owner)
{
    qemu_mutex_init(&s->lock);
    s->timeout = aio_timer_new(aio_get_main(), QEMU_CLOCK_VIRTUAL, receive_timeout, s);
    memory_region_init_io(&s->io, owner, &uart_ops, s, "serial", 8);
    if (s->chr.chr) {
        qemu_chr_fe_set_handlers(&s->chr, serial_can_read, serial_read, serial_event, s);
    }
}

void serial_core_exit(SerialState *s)
{
    if (s->chr.chr) {
        qemu_chr_fe_deinit(&s->chr);
    }
    aio_timer_free(s->timeout);
    qemu_mutex_destroy(&s->lock);
}
