/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a CD/DVD-ROM drive says of itself and of its medium (MMC-5), whether it hangs on ATAPI or on
 * a SCSI bus.  No state and no lock of its own.
 */
#ifndef HW_SCSI_MMC_H
#define HW_SCSI_MMC_H

#include "hw/scsi/spec.h"

#define MMC_SECTOR 2048u
#define MMC_CD_MAX_SECTORS (80 * 60 * 75) /* beyond what a CD holds it is a DVD */
#define MMC_REPLY_MAX 2052

typedef struct MmcState {
    uint32_t sectors;
    bool inserted; /* there is a medium, whether the tray is open or not */
    bool tray_open, tray_locked;
    bool atapi;                     /* the drive's interface */
    bool new_medium, eject_request; /* events; mmc_reply() clears those that it tells */
} MmcState;

static inline bool mmc_ready(const MmcState *m)
{
    return m->inserted && !m->tray_open;
}
/* "No medium", with the place of the tray. */
static inline uint16_t mmc_no_medium(const MmcState *m)
{
    return m->tray_open ? SCSI_ASC_NO_MEDIUM_OPEN : SCSI_ASC_NO_MEDIUM_CLOSED;
}

/* True if the command is one that mmc_reply() answers. */
bool mmc_knows(uint8_t opcode);
/* True if the command needs a medium in a closed drive. */
bool mmc_needs_medium(uint8_t opcode);
/* The answer to cdb in p (MMC_REPLY_MAX zeros); its length, with the room that the command has in
 * *allocation.  0: ILLEGAL REQUEST with *asc. */
unsigned mmc_reply(MmcState *m, const uint8_t *cdb, uint8_t *p, uint32_t *allocation,
                   uint16_t *asc);
/* One mode page at p; its length, 0: there is no such page. */
unsigned mmc_mode_page(const MmcState *m, uint8_t page, uint8_t *p);
/* The medium type of a mode parameter header. */
uint8_t mmc_medium_type(const MmcState *m);

#endif
