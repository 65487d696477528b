/* SPDX-License-Identifier: GPL-2.0-or-later */
/* End-to-end data protection (NVMe 1.4, section 8.3; NVM command set 1.0, section 5.2). */
#ifndef HW_NVME_PROTECTION_H
#define HW_NVME_PROTECTION_H

#include "ns.h"

/* PRINFO of a command: bits 29..26 of its dword 12. */
#define NVME_PRINFO_PRACT BIT(3)
#define NVME_PRINFO_GUARD BIT(2)
#define NVME_PRINFO_APP BIT(1)
#define NVME_PRINFO_REF BIT(0)
#define NVME_CMD_PRINFO(cdw12) (((cdw12) >> 26) & 0xf)

/* What a command expects, or what it wants to be stored. */
typedef struct NvmePi {
    uint8_t prinfo;
    uint16_t app_tag, app_mask;
    uint64_t ref_tag; /* of its first block */
} NvmePi;

/* From a command's dwords 3, 12, 14 and 15. */
NvmePi nvme_pi_of_command(const NvmeCmd *cmd);
/* Are these settings possible on a namespace with this layout? */
uint16_t nvme_pi_valid(const NvmeLayout *l, const NvmePi *pi, uint64_t slba);
/* Metadata is the protection information and nothing else, and the controller makes or strips it.
 */
static inline bool nvme_pi_hidden(const NvmeLayout *l, const NvmePi *pi)
{
    return l->pi_type && (pi->prinfo & NVME_PRINFO_PRACT) && l->ms == l->pi_size;
}
/* Stores protection information into the metadata of nlb blocks; pi->ref_tag goes on. */
void nvme_pi_generate(const NvmeLayout *l, NvmePi *pi, const uint8_t *data, uint8_t *meta,
                      uint32_t nlb);
/* Checks what pi->prinfo says; pi->ref_tag goes on.  A block that nobody has written (all zeros,
 * its information too) passes. */
uint16_t nvme_pi_check(const NvmeLayout *l, NvmePi *pi, const uint8_t *data, const uint8_t *meta,
                       uint32_t nlb);
/* On the way to the host: information of blocks that nobody has written becomes all ones, which is
 * never checked. */
void nvme_pi_mark_unwritten(const NvmeLayout *l, const uint8_t *data, uint8_t *meta, uint32_t nlb);

uint16_t nvme_crc16_t10dif(const uint8_t *p, size_t len, uint16_t crc);
uint64_t nvme_crc64(const uint8_t *p, size_t len, uint64_t crc);

#endif
