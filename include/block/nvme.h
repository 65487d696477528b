/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Structures and numbers of the NVM Express base specification, revision 1.4.  All fields are
 * little-endian; section numbers are that revision's.
 */
#ifndef BLOCK_NVME_H
#define BLOCK_NVME_H

#include "qemu/osdep.h"

/* --- controller registers (3.1) -------------------------------------------------------------- */
enum NvmeRegister {
    NVME_REG_CAP = 0x00,
    NVME_REG_VS = 0x08,
    NVME_REG_INTMS = 0x0c,
    NVME_REG_INTMC = 0x10,
    NVME_REG_CC = 0x14,
    NVME_REG_CSTS = 0x1c,
    NVME_REG_NSSR = 0x20,
    NVME_REG_AQA = 0x24,
    NVME_REG_ASQ = 0x28,
    NVME_REG_ACQ = 0x30,
    NVME_REG_CMBLOC = 0x38,
    NVME_REG_CMBSZ = 0x3c,
    NVME_REG_DOORBELLS = 0x1000,
};

/* CAP: field offsets */
#define NVME_CAP_MQES(n) ((uint64_t)(n)&0xffff)
#define NVME_CAP_CQR BIT_ULL(16)
#define NVME_CAP_AMS_WRR BIT_ULL(17)
#define NVME_CAP_TO(n) (((uint64_t)(n)&0xff) << 24) /* units of 500 ms */
#define NVME_CAP_NSSRS BIT_ULL(36)
#define NVME_CAP_CSS_NVM BIT_ULL(37)
#define NVME_NSSR_RESET 0x4e564d65u /* "NVMe" */
#define NVME_CAP_CSS_CSI BIT_ULL(43) /* one or more I/O command sets (2.0) */
#define NVME_CAP_MPSMIN(n) (((uint64_t)(n)&0xf) << 48)
#define NVME_CAP_MPSMAX(n) (((uint64_t)(n)&0xf) << 52)

/* CC */
#define NVME_CC_EN BIT(0)
#define NVME_CC_CSS(cc) (((cc) >> 4) & 7)
#define NVME_CC_CSS_NVM 0u
#define NVME_CC_CSS_ALL 6u /* all that are supported */
#define NVME_CC_MPS(cc) (((cc) >> 7) & 0xf)
#define NVME_CC_AMS(cc) (((cc) >> 11) & 7)
#define NVME_CC_SHN(cc) (((cc) >> 14) & 3)
#define NVME_CC_IOSQES(cc) (((cc) >> 16) & 0xf)
#define NVME_CC_IOCQES(cc) (((cc) >> 20) & 0xf)
#define NVME_CC_WRITABLE 0x00fffff1u

/* CSTS */
#define NVME_CSTS_RDY BIT(0)
#define NVME_CSTS_CFS BIT(1)
#define NVME_CSTS_SHST_MASK (3u << 2)
#define NVME_CSTS_SHST_OCCURRING (1u << 2)
#define NVME_CSTS_SHST_COMPLETE (2u << 2)
#define NVME_CSTS_NSSRO BIT(4)

/* --- commands and completions (4.2, 4.6) ----------------------------------------------------- */
typedef struct NvmeSglDescriptor {
    uint64_t addr;
    uint32_t len;
    uint8_t rsvd[3];
    uint8_t type; /* type in bits 7..4, subtype in 3..0 */
} NvmeSglDescriptor;

#define NVME_SGL_TYPE(t) ((t) >> 4)
#define NVME_SGL_SUBTYPE(t) ((t)&0xf)
enum {
    NVME_SGL_DATA_BLOCK = 0,
    NVME_SGL_BIT_BUCKET = 1,
    NVME_SGL_SEGMENT = 2,
    NVME_SGL_LAST_SEGMENT = 3
};

typedef union NvmeDataPointer {
    struct {
        uint64_t prp1, prp2;
    };
    NvmeSglDescriptor sgl;
} NvmeDataPointer;

typedef struct NvmeCmd {
    uint8_t opcode;
    uint8_t flags; /* FUSE in 1..0, PSDT in 7..6 */
    uint16_t cid;
    uint32_t nsid;
    uint32_t cdw2, cdw3;
    uint64_t mptr;
    NvmeDataPointer dptr;
    uint32_t cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
} NvmeCmd;
_Static_assert(sizeof(NvmeCmd) == 64, "a submission queue entry has 64 bytes");

#define NVME_CMD_FUSE(flags) ((flags)&3)
#define NVME_CMD_PSDT(flags) ((flags) >> 6)

typedef struct NvmeCqe {
    uint32_t result;
    uint32_t dw1;
    uint16_t sq_head, sq_id;
    uint16_t cid;
    uint16_t status; /* phase in bit 0, status field above */
} NvmeCqe;
_Static_assert(sizeof(NvmeCqe) == 16, "a completion queue entry has 16 bytes");

enum NvmeAdminOpcode {
    NVME_ADM_DELETE_SQ = 0x00,
    NVME_ADM_CREATE_SQ = 0x01,
    NVME_ADM_GET_LOG_PAGE = 0x02,
    NVME_ADM_DELETE_CQ = 0x04,
    NVME_ADM_CREATE_CQ = 0x05,
    NVME_ADM_IDENTIFY = 0x06,
    NVME_ADM_ABORT = 0x08,
    NVME_ADM_SET_FEATURES = 0x09,
    NVME_ADM_GET_FEATURES = 0x0a,
    NVME_ADM_ASYNC_EVENT_REQUEST = 0x0c,
    NVME_ADM_NS_MANAGEMENT = 0x0d,
    NVME_ADM_FIRMWARE_COMMIT = 0x10,
    NVME_ADM_FIRMWARE_DOWNLOAD = 0x11,
    NVME_ADM_SELF_TEST = 0x14,
    NVME_ADM_NS_ATTACHMENT = 0x15,
    NVME_ADM_KEEP_ALIVE = 0x18,
    NVME_ADM_DOORBELL_BUFFER_CONFIG = 0x7c,
    NVME_ADM_FORMAT_NVM = 0x80,
    NVME_ADM_SANITIZE = 0x84,
};

enum NvmeIoOpcode {
    NVME_IO_FLUSH = 0x00,
    NVME_IO_WRITE = 0x01,
    NVME_IO_READ = 0x02,
    NVME_IO_WRITE_UNCORRECTABLE = 0x04,
    NVME_IO_COMPARE = 0x05,
    NVME_IO_WRITE_ZEROES = 0x08,
    NVME_IO_DATASET_MANAGEMENT = 0x09,
    NVME_IO_VERIFY = 0x0c,
    NVME_IO_RESERVATION_REGISTER = 0x0d,
    NVME_IO_RESERVATION_REPORT = 0x0e,
    NVME_IO_RESERVATION_ACQUIRE = 0x11,
    NVME_IO_RESERVATION_RELEASE = 0x15,
    NVME_IO_COPY = 0x19,
};

/* Status field without the phase bit: code in 7..0, type in 10..8, more in 13, do-not-retry in 14
 * (4.6.1). */
enum NvmeStatus {
    NVME_SUCCESS = 0x000,
    NVME_INVALID_OPCODE = 0x001,
    NVME_INVALID_FIELD = 0x002,
    NVME_CID_CONFLICT = 0x003,
    NVME_DATA_TRANSFER_ERROR = 0x004,
    NVME_INTERNAL_ERROR = 0x006,
    NVME_ABORT_REQUESTED = 0x007,
    NVME_ABORT_SQ_DELETED = 0x008,
    NVME_ABORT_FAILED_FUSED = 0x009,
    NVME_ABORT_MISSING_FUSED = 0x00a,
    NVME_INVALID_NSID = 0x00b,
    NVME_COMMAND_SEQUENCE_ERROR = 0x00c,
    NVME_INVALID_SGL_SEGMENT = 0x00d,
    NVME_INVALID_SGL_COUNT = 0x00e,
    NVME_DATA_SGL_LENGTH_INVALID = 0x00f,
    NVME_METADATA_SGL_LENGTH_INVALID = 0x010,
    NVME_SGL_TYPE_INVALID = 0x011,
    NVME_INVALID_PRP_OFFSET = 0x013,
    NVME_HOST_ID_INCONSISTENT = 0x018,
    NVME_SANITIZE_FAILED = 0x01c,
    NVME_SANITIZE_IN_PROGRESS = 0x01d,
    NVME_NAMESPACE_WRITE_PROTECTED = 0x020,
    NVME_COMMAND_INTERRUPTED = 0x021,
    NVME_LBA_OUT_OF_RANGE = 0x080,
    NVME_CAPACITY_EXCEEDED = 0x081,
    NVME_NAMESPACE_NOT_READY = 0x082,
    NVME_RESERVATION_CONFLICT = 0x083,
    NVME_FORMAT_IN_PROGRESS = 0x084,
    NVME_INVALID_CQ = 0x100,
    NVME_INVALID_QID = 0x101,
    NVME_INVALID_QSIZE = 0x102,
    NVME_ABORT_LIMIT_EXCEEDED = 0x103,
    NVME_AER_LIMIT_EXCEEDED = 0x105,
    NVME_INVALID_FIRMWARE_SLOT = 0x106,
    NVME_INVALID_FIRMWARE_IMAGE = 0x107,
    NVME_INVALID_IV = 0x108,
    NVME_INVALID_LOG_PAGE = 0x109,
    NVME_INVALID_FORMAT = 0x10a,
    NVME_FIRMWARE_NEEDS_RESET = 0x10b,
    NVME_INVALID_QUEUE_DELETION = 0x10c,
    NVME_FEATURE_NOT_SAVEABLE = 0x10d,
    NVME_FEATURE_NOT_CHANGEABLE = 0x10e,
    NVME_FEATURE_NOT_NS_SPECIFIC = 0x10f,
    NVME_FIRMWARE_NEEDS_SUBSYSTEM_RESET = 0x110,
    NVME_OVERLAPPING_RANGE = 0x114,
    NVME_NS_INSUFFICIENT_CAPACITY = 0x115,
    NVME_NSID_UNAVAILABLE = 0x116,
    NVME_NS_ALREADY_ATTACHED = 0x118,
    NVME_NS_PRIVATE = 0x119,
    NVME_NS_NOT_ATTACHED = 0x11a,
    NVME_THIN_NOT_SUPPORTED = 0x11b,
    NVME_CONTROLLER_LIST_INVALID = 0x11c,
    NVME_SELF_TEST_IN_PROGRESS = 0x11d,
    NVME_CONFLICTING_ATTRIBUTES = 0x180,
    NVME_INVALID_PROTECTION_INFO = 0x181,
    NVME_WRITE_TO_READ_ONLY = 0x182,
    NVME_COMMAND_SIZE_LIMIT = 0x183,
    NVME_WRITE_FAULT = 0x280,
    NVME_UNRECOVERED_READ = 0x281,
    NVME_GUARD_CHECK = 0x282,
    NVME_APP_TAG_CHECK = 0x283,
    NVME_REF_TAG_CHECK = 0x284,
    NVME_COMPARE_FAILURE = 0x285,
    NVME_ACCESS_DENIED = 0x286,
    NVME_DEALLOCATED_OR_UNWRITTEN = 0x287,
    NVME_MORE = 0x2000,
    NVME_DNR = 0x4000,
};

/* --- identify (5.15) ------------------------------------------------------------------------- */
enum NvmeIdentifyCns {
    NVME_CNS_NAMESPACE = 0x00,
    NVME_CNS_CONTROLLER = 0x01,
    NVME_CNS_ACTIVE_NSIDS = 0x02,
    NVME_CNS_NS_DESCRIPTORS = 0x03,
    NVME_CNS_CSI_NAMESPACE = 0x05,
    NVME_CNS_CSI_CONTROLLER = 0x06,
    NVME_CNS_CSI_ACTIVE_NSIDS = 0x07,
    NVME_CNS_INDEPENDENT_NAMESPACE = 0x08,
    NVME_CNS_ALLOCATED_NSIDS = 0x10,
    NVME_CNS_ALLOCATED_NAMESPACE = 0x11,
    NVME_CNS_NS_CONTROLLERS = 0x12,
    NVME_CNS_CONTROLLERS = 0x13,
    NVME_CNS_PRIMARY_CAPABILITIES = 0x14,
    NVME_CNS_SECONDARY_CONTROLLERS = 0x15,
    NVME_CNS_CSI_ALLOCATED_NSIDS = 0x1a,
    NVME_CNS_CSI_ALLOCATED_NAMESPACE = 0x1b,
    NVME_CNS_COMMAND_SETS = 0x1c,
};
enum { NVME_NIDT_EUI64 = 1, NVME_NIDT_NGUID = 2, NVME_NIDT_UUID = 3, NVME_NIDT_CSI = 4 };
#define NVME_CSI_NVM 0u
#define NVME_CMD_CSI(cdw11) ((cdw11) >> 24) /* of Identify */
#define NVME_CMIC_MULTI_CTRL BIT(1)
#define NVME_NMIC_SHARED BIT(0)

typedef struct QEMU_PACKED NvmePowerState {
    uint16_t max_power; /* centiwatts */
    uint8_t rsvd2[2];
    uint32_t entry_latency, exit_latency; /* microseconds */
    uint8_t rsvd12[20];
} NvmePowerState;

typedef struct QEMU_PACKED NvmeIdController {
    uint16_t vid, ssvid;
    char sn[20], mn[40], fr[8];
    uint8_t rab, ieee[3], cmic, mdts;
    uint16_t cntlid;
    uint32_t ver, rtd3r, rtd3e, oaes, ctratt;
    uint8_t rsvd100[11];
    uint8_t cntrltype;
    uint8_t fguid[16];
    uint8_t rsvd128[128];
    uint16_t oacs;
    uint8_t acl, aerl, frmw, lpa, elpe, npss, avscc, apsta;
    uint16_t wctemp, cctemp, mtfa;
    uint32_t hmpre, hmmin;
    uint8_t tnvmcap[16], unvmcap[16];
    uint32_t rpmbs;
    uint16_t edstt;
    uint8_t dsto, fwug;
    uint16_t kas, hctma, mntmt, mxtmt;
    uint32_t sanicap;
    uint8_t rsvd332[180];
    uint8_t sqes, cqes;
    uint16_t maxcmd;
    uint32_t nn;
    uint16_t oncs, fuses;
    uint8_t fna, vwc;
    uint16_t awun, awupf;
    uint8_t nvscc, nwpc;
    uint16_t acwu;
    uint16_t ocfs; /* copy descriptor formats (2.0) */
    uint32_t sgls, mnan;
    uint8_t rsvd544[224];
    char subnqn[256];
    uint8_t rsvd1024[1024];
    NvmePowerState psd[32];
    uint8_t vs[1024];
} NvmeIdController;
_Static_assert(sizeof(NvmeIdController) == 4096, "figure 247");
_Static_assert(offsetof(NvmeIdController, oacs) == 256, "figure 247");
_Static_assert(offsetof(NvmeIdController, sqes) == 512, "figure 247");
_Static_assert(offsetof(NvmeIdController, subnqn) == 768, "figure 247");

#define NVME_OAES_NS_CHANGED BIT(8)
#define NVME_OACS_FORMAT BIT(1)
#define NVME_OACS_FIRMWARE BIT(2)
#define NVME_OACS_NS_MANAGEMENT BIT(3)
#define NVME_OACS_SELF_TEST BIT(4)
#define NVME_OACS_DBBUF BIT(8)
#define NVME_ONCS_COMPARE BIT(0)
#define NVME_ONCS_WRITE_UNCORRECTABLE BIT(1)
#define NVME_ONCS_DSM BIT(2)
#define NVME_ONCS_WRITE_ZEROES BIT(3)
#define NVME_ONCS_FEATURES BIT(4)
#define NVME_ONCS_RESERVATIONS BIT(5)
#define NVME_ONCS_TIMESTAMP BIT(6)
#define NVME_ONCS_VERIFY BIT(7)
#define NVME_ONCS_COPY BIT(8)
#define NVME_LPA_EFFECTS BIT(1)
#define NVME_LPA_EXTENDED BIT(2)
#define NVME_LPA_TELEMETRY BIT(3)
#define NVME_LPA_SUPPORTED BIT(5)
#define NVME_CTRATT_HOST_ID_EXTENDED BIT(0)
#define NVME_SANICAP_CRYPTO BIT(0)
#define NVME_SANICAP_BLOCK BIT(1)
#define NVME_SANICAP_OVERWRITE BIT(2)

typedef struct QEMU_PACKED NvmeLbaFormat {
    uint16_t ms;
    uint8_t ds; /* log2 of the bytes */
    uint8_t rp;
} NvmeLbaFormat;

typedef struct QEMU_PACKED NvmeIdNamespace {
    uint64_t nsze, ncap, nuse;
    uint8_t nsfeat, nlbaf, flbas, mc, dpc, dps, nmic, rescap, fpi, dlfeat;
    uint16_t nawun, nawupf, nacwu, nabsn, nabo, nabspf, noiob;
    uint8_t nvmcap[16];
    uint16_t npwg, npwa, npdg, npda, nows;
    uint16_t mssrl; /* copy limits (2.0) */
    uint32_t mcl;
    uint8_t msrc;
    uint8_t rsvd81[11];
    uint32_t anagrpid;
    uint8_t rsvd96[3];
    uint8_t nsattr;
    uint16_t nvmsetid, endgid;
    uint8_t nguid[16];
    uint64_t eui64;
    NvmeLbaFormat lbaf[16];
    uint8_t rsvd192[192];
    uint8_t vs[3712];
} NvmeIdNamespace;
_Static_assert(sizeof(NvmeIdNamespace) == 4096, "figure 245");
_Static_assert(offsetof(NvmeIdNamespace, lbaf) == 128, "figure 245");

/* NVM command set specific identify structures (NVM command set 1.0, section 4.1.5). */
typedef struct QEMU_PACKED NvmeIdNamespaceNvm {
    uint64_t lbstm;
    uint8_t pic, rsvd9[3];
    uint32_t elbaf[64]; /* storage tag size in 6..0, protection information format in 8..7 */
    uint8_t rsvd268[3828];
} NvmeIdNamespaceNvm;
_Static_assert(sizeof(NvmeIdNamespaceNvm) == 4096, "identify data is a page");

typedef struct QEMU_PACKED NvmeIdControllerNvm {
    uint8_t vsl, wzsl, wusl, dmrl;
    uint32_t dmrsl;
    uint64_t dmsl;
    uint8_t rsvd16[4080];
} NvmeIdControllerNvm;
_Static_assert(sizeof(NvmeIdControllerNvm) == 4096, "identify data is a page");

typedef struct QEMU_PACKED NvmeIdNamespaceIndependent {
    uint8_t nsfeat, nmic, rescap, fpi;
    uint32_t anagrpid;
    uint8_t nsattr, rsvd9;
    uint16_t nvmsetid, endgid;
    uint8_t nstat; /* bit 0: ready */
    uint8_t rsvd15[4081];
} NvmeIdNamespaceIndependent;
_Static_assert(sizeof(NvmeIdNamespaceIndependent) == 4096, "identify data is a page");

typedef struct QEMU_PACKED NvmeControllerList {
    uint16_t count, id[2047];
} NvmeControllerList;
_Static_assert(sizeof(NvmeControllerList) == 4096, "identify data is a page");

/* --- log pages (5.14) ------------------------------------------------------------------------ */
enum NvmeLogPage {
    NVME_LOG_ERROR = 0x01,
    NVME_LOG_SMART = 0x02,
    NVME_LOG_FIRMWARE_SLOT = 0x03,
    NVME_LOG_CHANGED_NS = 0x04,
    NVME_LOG_SUPPORTED = 0x00,
    NVME_LOG_EFFECTS = 0x05,
    NVME_LOG_SELF_TEST = 0x06,
    NVME_LOG_TELEMETRY_HOST = 0x07,
    NVME_LOG_TELEMETRY_CTRL = 0x08,
    NVME_LOG_FEATURES = 0x12,
    NVME_LOG_RESERVATION = 0x80,
    NVME_LOG_SANITIZE = 0x81,
};

typedef struct QEMU_PACKED NvmeErrorLog {
    uint64_t error_count;
    uint16_t sqid, cid, status, param_location;
    uint64_t lba;
    uint32_t nsid;
    uint8_t vs_info, trtype, rsvd30[2];
    uint64_t cs;
    uint16_t trtype_info;
    uint8_t rsvd42[22];
} NvmeErrorLog;
_Static_assert(sizeof(NvmeErrorLog) == 64, "figure 193");

typedef struct QEMU_PACKED NvmeSmartLog {
    uint8_t critical_warning;
    uint16_t temperature; /* kelvin */
    uint8_t available_spare, available_spare_threshold, percentage_used, endurance_summary;
    uint8_t rsvd7[25];
    uint64_t data_units_read[2], data_units_written[2]; /* 1000 * 512 bytes */
    uint64_t host_reads[2], host_writes[2];
    uint64_t busy_minutes[2], power_cycles[2], power_on_hours[2], unsafe_shutdowns[2],
        media_errors[2];
    uint64_t error_log_entries[2];
    uint32_t warning_temp_minutes, critical_temp_minutes;
    uint16_t sensors[8];
    uint8_t rsvd216[296];
} NvmeSmartLog;
_Static_assert(sizeof(NvmeSmartLog) == 512, "figure 194");

typedef struct QEMU_PACKED NvmeFirmwareSlotLog {
    uint8_t afi, rsvd1[7];
    char frs[7][8];
    uint8_t rsvd64[448];
} NvmeFirmwareSlotLog;
_Static_assert(sizeof(NvmeFirmwareSlotLog) == 512, "figure 195");

typedef struct QEMU_PACKED NvmeEffectsLog {
    uint32_t acs[256], iocs[256];
    uint8_t rsvd2048[2048];
} NvmeEffectsLog;
_Static_assert(sizeof(NvmeEffectsLog) == 4096, "figure 199");
#define NVME_EFFECT_CSUPP BIT(0)
#define NVME_EFFECT_LBCC BIT(1)
#define NVME_EFFECT_NCC BIT(2)
#define NVME_EFFECT_NIC BIT(3)
#define NVME_EFFECT_CCC BIT(4)
#define NVME_EFFECT_CSE_NS (1u << 16)  /* no other command to the same namespace */
#define NVME_EFFECT_CSE_ALL (2u << 16) /* no other command to any */

typedef struct NvmeChangedNsLog {
    uint32_t nsid[1024];
} NvmeChangedNsLog;
_Static_assert(sizeof(NvmeChangedNsLog) == 4096, "figure 198");

/* --- features (5.21) ------------------------------------------------------------------------- */
enum NvmeFeature {
    NVME_FEAT_ARBITRATION = 0x01,
    NVME_FEAT_POWER_MANAGEMENT = 0x02,
    NVME_FEAT_LBA_RANGE = 0x03,
    NVME_FEAT_TEMPERATURE_THRESHOLD = 0x04,
    NVME_FEAT_ERROR_RECOVERY = 0x05,
    NVME_FEAT_VOLATILE_WRITE_CACHE = 0x06,
    NVME_FEAT_NUMBER_OF_QUEUES = 0x07,
    NVME_FEAT_INTERRUPT_COALESCING = 0x08,
    NVME_FEAT_INTERRUPT_VECTOR = 0x09,
    NVME_FEAT_WRITE_ATOMICITY = 0x0a,
    NVME_FEAT_ASYNC_EVENT = 0x0b,
    NVME_FEAT_TIMESTAMP = 0x0e,
    NVME_FEAT_KEEP_ALIVE = 0x0f,
    NVME_FEAT_HOST_BEHAVIOR = 0x16,
    NVME_FEAT_PROGRESS_MARKER = 0x80,
    NVME_FEAT_HOST_ID = 0x81,
    NVME_FEAT_RESV_NOTIFICATION = 0x82,
    NVME_FEAT_RESV_PERSISTENCE = 0x83,
    NVME_FEAT_NS_WRITE_PROTECT = 0x84,
};
enum { NVME_FEAT_SEL_CURRENT, NVME_FEAT_SEL_DEFAULT, NVME_FEAT_SEL_SAVED, NVME_FEAT_SEL_SUPPORTED };
#define NVME_FEAT_CAP_SAVEABLE BIT(0)
#define NVME_FEAT_CAP_NS BIT(1)
#define NVME_FEAT_CAP_CHANGEABLE BIT(2)

/* --- asynchronous events (5.2) --------------------------------------------------------------- */
enum { NVME_AER_ERROR = 0, NVME_AER_SMART = 1, NVME_AER_NOTICE = 2, NVME_AER_IO_COMMAND = 6 };
enum { NVME_AER_RESERVATION_LOG = 0, NVME_AER_SANITIZE_DONE = 1 };
enum { NVME_AER_INVALID_DB_REGISTER = 0, NVME_AER_INVALID_DB_VALUE = 1 };
enum { NVME_AER_SMART_RELIABILITY = 0, NVME_AER_SMART_TEMPERATURE = 1, NVME_AER_SMART_SPARE = 2 };
enum { NVME_AER_NOTICE_NS_CHANGED = 0 };

/* Dataset Management range (6.7). */
typedef struct QEMU_PACKED NvmeDsmRange {
    uint32_t attributes, nlb;
    uint64_t slba;
} NvmeDsmRange;
#define NVME_DSM_DEALLOCATE BIT(2)

#define NVME_RW_FUA BIT(30) /* in CDW12 */
#define NVME_RW_LR BIT(31)
#define NVME_WZ_DEALLOCATE BIT(25)
#define NVME_NSID_ALL UINT32_MAX

#endif
