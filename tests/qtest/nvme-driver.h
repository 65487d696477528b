/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's NVMe driver for the tests: queues in guest RAM, commands one by one or in heaps, and
 * the same start-up for each way of giving the device a home.
 */
#ifndef NVME_DRIVER_H
#define NVME_DRIVER_H

#include "homes.h"
#include "pattern.h"
#include "pci.h"

#include "block/nvme.h"

#define QNVME_QUEUES 5
#define QNVME_DEVFN QPCI_DEVFN(4, 0)

typedef struct QNvmeQueue {
    uint64_t sq, cq; /* addresses; 0: not there */
    uint32_t size, tail, head;
    unsigned phase;
} QNvmeQueue;

typedef struct QNvme {
    QTestState *s;
    QPCIBus *bus;
    QPCIDevice *dev;
    QPCIBar *bar;
    QNvmeQueue q[QNVME_QUEUES];
    uint16_t cid;
    uint32_t result; /* dword 0 of the last completion */
    uint16_t last_cid, last_sqid, last_sq_head;
    bool msix;
    uint64_t page;  /* a data page of the driver's own */
    const char *id; /* the end of its path, where a test has several */
} QNvme;

/* Starts the emulator with an nvme device (drive d0, which args define) at 04.0; props are further
 * properties ("" or ",x=y"). BAR 0 is mapped, the function enabled; the controller is not. */
QNvme *qnvme_start(QHome home, const char *args, const char *props);
void qnvme_stop(QNvme *n);
/* Looks for the device again after a reset of the machine. */
void qnvme_probe(QNvme *n);
/* The same behind a root port at 06.0 of the root bus, whose id is port. */
QNvme *qnvme_start_behind(QHome home, const char *args, const char *port);
void qnvme_probe_behind(QNvme *n);

/* Any devices: args has them all, one nvme controller at 04.0.  home_args: objects iot0, ior0 ...
 * of that home are there, too. */
QNvme *qnvme_start_devices(QHome home, const char *args);
/* What a -device nvme gets to live there: ",iothread=iot0" ... */
const char *qnvme_home_props(QHome home);
/* Another controller of the same emulator; gone with qnvme_release(). */
QNvme *qnvme_other(QNvme *n, uint8_t devfn);
void qnvme_release(QNvme *n);

uint32_t qnvme_readl(QNvme *n, uint64_t reg);
void qnvme_writel(QNvme *n, uint64_t reg, uint32_t v);
void qnvme_doorbell(QNvme *n, unsigned qid, bool cq, uint32_t v);
/* Waits until (CSTS & mask) == want, at most 20 s. */
void qnvme_wait_csts(QNvme *n, uint32_t mask, uint32_t want);

/* The function asserts INTx; waits until it does or does not, at most 20 s. */
bool qnvme_pin(QNvme *n);
void qnvme_wait_pin(QNvme *n, bool level);

/* Admin queue of size entries, CC.EN, RDY. */
void qnvme_enable(QNvme *n, uint32_t admin_size);
void qnvme_disable(QNvme *n);
/* I/O queue pair by admin commands; both succeed. */
void qnvme_create_pair(QNvme *n, unsigned qid, uint32_t size, unsigned vector);
void qnvme_delete_pair(QNvme *n, unsigned qid);
/* Enables the controller and makes pairs 1..pairs of 16 entries; with MSI-X if msix. */
void qnvme_bring_up(QNvme *n, unsigned pairs, bool msix);

/* Puts a command into the ring (cid is set and returned), without the doorbell. */
uint16_t qnvme_push(QNvme *n, unsigned qid, NvmeCmd *cmd);
void qnvme_ring(QNvme *n, unsigned qid);
/* Waits for the next completion, moves the head and rings it; the status without phase and More. */
uint16_t qnvme_wait(QNvme *n, unsigned qid);
/* True if a completion is there. */
bool qnvme_ready(QNvme *n, unsigned qid);
/* push, ring, wait; checks the completion's ids. */
uint16_t qnvme_cmd(QNvme *n, unsigned qid, NvmeCmd *cmd);

uint16_t qnvme_identify(QNvme *n, unsigned cns, uint32_t nsid, uint64_t to);
uint16_t qnvme_get_feature(QNvme *n, uint32_t dw10, uint32_t dw11);
uint16_t qnvme_set_feature(QNvme *n, uint32_t dw10, uint32_t dw11);
/* Sends the lower part of a command and what it needs: one data page at prp1. */
uint16_t qnvme_admin(QNvme *n, uint8_t opcode, uint32_t nsid, uint64_t prp1, uint32_t cdw10,
                     uint32_t cdw11);
uint16_t qnvme_io(QNvme *n, unsigned qid, uint8_t opcode, uint32_t nsid, uint64_t slba,
                  unsigned nlb, uint64_t prp1);
uint16_t qnvme_get_log(QNvme *n, uint32_t nsid, uint8_t lid, uint32_t bytes, uint64_t offset,
                       bool retain);
uint16_t qnvme_rw(QNvme *n, unsigned qid, uint8_t opcode, uint64_t slba, unsigned nlb,
                  uint64_t prp1, uint64_t prp2);

#endif
