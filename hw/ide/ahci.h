/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Serial ATA AHCI 1.3.1.
 *
 * One lock guards all registers; they are accessed on the vCPU's thread.  Commands, resets and
 * everything that waits run in the main loop.
 */
#ifndef HW_IDE_AHCI_H
#define HW_IDE_AHCI_H

#include "hw/ide/ide.h"
#include "hw/pci/pci.h"

#define AHCI_PORTS 6
#define AHCI_SLOTS 32
#define AHCI_PIECE (256 * 1024u)

enum {
    PORT_CMD_ST = BIT(0),
    PORT_CMD_SUD = BIT(1),
    PORT_CMD_POD = BIT(2),
    PORT_CMD_CLO = BIT(3),
    PORT_CMD_FRE = BIT(4),
    PORT_CMD_FR = BIT(14),
    PORT_CMD_CR = BIT(15),
    PORT_CMD_ATAPI = BIT(24),
};
enum {
    PORT_IS_DHRS = BIT(0),
    PORT_IS_PSS = BIT(1),
    PORT_IS_SDBS = BIT(3),
    PORT_IS_PCS = BIT(6),
    PORT_IS_PRCS = BIT(22),
    PORT_IS_OFS = BIT(24),
    PORT_IS_HBFS = BIT(29),
    PORT_IS_TFES = BIT(30),
};

struct AHCIState;
struct AHCIPort;

typedef struct AHCISlot {
    AtaTask task;
    struct AHCIPort *port;
    unsigned number;
    bool busy, moving;
    uint64_t header, table;        /* guest addresses */
    uint32_t prdtl, prd, prd_done; /* entries, current one, bytes done of it */
    uint64_t prd_base;
    uint32_t prd_size;
    bool prd_loaded;
    uint8_t *buf;
    uint32_t piece, buf_size;
    bool write;
} AHCISlot;

typedef struct AHCIPort {
    struct AHCIState *hba;
    unsigned number;
    IDEBus *bus;
    uint64_t clb, fb;
    uint32_t is, ie, cmd, tfd, sig, sctl, serr, sact, ci;
    uint32_t ncq_active; /* slots whose command is an NCQ one */
    int running;         /* slot of the one other command, -1 */
    unsigned last;       /* slot that was started last */
    bool halted;         /* an error: nothing is started until ST is cleared */
    bool want_work, want_stop, want_reset, signature_due, srst;
    AHCISlot *slots;
} AHCIPort;

typedef struct AHCIState {
    PCIDevice parent_obj;
    QemuMutex lock;
    AioBH *bh;
    uint32_t ghc, is, index;
    bool want_hba_reset, msi_level;
    AHCIPort port[AHCI_PORTS];
    MemoryRegion mem, idp;
} AHCIState;
#define AHCI(obj) ((AHCIState *)(obj))

/* All in the main loop, lock held, unless said otherwise. */
void ahci_port_start(AHCIPort *p);
/* Ends what is under way. Lock not held. */
void ahci_port_cancel(AHCIPort *p);
/* Device-to-host register FIS; interrupt says whether it raises PxIS.DHRS. */
void ahci_post_d2h(AHCIPort *p, const AtaRegs *regs, bool interrupt);
/* The drive's signature, if there is a drive and a place for its FIS. Any thread. */
void ahci_post_signature(AHCIPort *p);
/* PxIS bits are set: the interrupt follows. Any thread. */
void ahci_port_interrupt(AHCIPort *p, uint32_t bits);
void ahci_task_ready(AtaTask *t);

#endif
