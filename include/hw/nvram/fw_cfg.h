/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw_cfg: items of data for firmware and boot loaders, behind ports 0x510, 0x511 and the DMA
 * register at 0x514.
 *
 * Items are added by the main loop before vCPUs run, and files staged later; guest accesses come from
 * any thread under the device's lock.
 */
#ifndef HW_NVRAM_FW_CFG_H
#define HW_NVRAM_FW_CFG_H

#include "hw/qdev-core.h"

#define TYPE_FW_CFG_IO "fw_cfg_io"

enum {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_MACHINE_ID = 0x06,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_KERNEL_CMDLINE = 0x09,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_DEVICE = 0x0c,
    FW_CFG_NUMA = 0x0d,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_IRQ0_OVERRIDE = 0x8002,
    FW_CFG_E820_TABLE = 0x8003,
};

typedef struct FWCfgState FWCfgState;

/* The device, realized, at its ports; NULL with errp. */
FWCfgState *fw_cfg_create(Object *parent, GError **errp);
/* The machine's, or NULL. */
FWCfgState *fw_cfg_find(void);
/* data is copied; an item of the key is replaced. */
void fw_cfg_add_bytes(FWCfgState *s, uint16_t key, const void *data, size_t len);
void fw_cfg_add_i16(FWCfgState *s, uint16_t key, uint16_t v);
void fw_cfg_add_i32(FWCfgState *s, uint16_t key, uint32_t v);
void fw_cfg_add_i64(FWCfgState *s, uint16_t key, uint64_t v);
void fw_cfg_add_string(FWCfgState *s, uint16_t key, const char *text);
/* A named file; a file of that name is replaced.  writable: the guest may change it by DMA.  False
 * when the directory is full (errp). */
bool fw_cfg_add_file(FWCfgState *s, const char *name, const void *data, size_t len, bool writable,
                     GError **errp);

/* New contents (copied) of files that are there, all of which appear at once, when firmware that starts
 * cannot be in the middle of them: at a reset, or when it selects the signature.  False: there is no such file. */
bool fw_cfg_stage_file(FWCfgState *s, const char *name, const void *data, size_t len);

/* Copies a file of exactly len bytes as it is now, the guest's changes included; false: there is none. */
bool fw_cfg_read_file(FWCfgState *s, const char *name, void *data, size_t len);

bool fw_cfg_has_file(FWCfgState *s, const char *name);

#endif
