/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Get Log Page (NVMe 1.4, section 5.14) and what the pages report. At home. */
#include "nvme.h"

#include "features.h"
#include "firmware.h"
#include "reservation.h"
#include "sanitize.h"
#include "selftest.h"

/* --- error log: entries come from all contexts ----------------------------------------------- */

typedef struct ErrorPost {
    NvmeCtrl *n;
    NvmeErrorLog entry;
} ErrorPost;

static void error_add(NvmeCtrl *n, const NvmeErrorLog *entry)
{
    n->errors[n->errors_next] = *entry;
    n->errors_next = (n->errors_next + 1) % NVME_ERROR_LOG_ENTRIES;
}

static void error_at_home(void *opaque)
{
    ErrorPost *p = opaque;

    error_add(p->n, &p->entry);
    __atomic_fetch_sub(&p->n->error_posts, 1, __ATOMIC_RELAXED);
    object_unref(p->n);
    g_free(p);
}

void nvme_log_error(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    NvmeErrorLog entry = {
        .sqid = req->sq->id, .cid = req->cmd.cid, .param_location = 0xffff, .nsid = req->cmd.nsid};
    ErrorPost *p;

    /* The completion says that the log has more; both carry the status as the completion does. */
    req->status |= NVME_MORE;
    entry.status = req->status << 1;
    entry.error_count = __atomic_add_fetch(&n->error_count, 1, __ATOMIC_RELAXED);
    if (req->sq->id) {
        entry.lba = (uint64_t)req->cmd.cdw11 << 32 | req->cmd.cdw10;
    }
    if (aio_in_home(n->home)) {
        error_add(n, &entry);
        return;
    }
    /* More than the log holds would push each other out anyway; a host must not fill our memory. */
    if (__atomic_fetch_add(&n->error_posts, 1, __ATOMIC_RELAXED) >= NVME_ERROR_LOG_ENTRIES) {
        __atomic_fetch_sub(&n->error_posts, 1, __ATOMIC_RELAXED);
        return;
    }
    p = g_new(ErrorPost, 1);
    *p = (ErrorPost){(NvmeCtrl *)object_ref(n), entry};
    aio_post(n->home, error_at_home, p);
}

/* --- pages ----------------------------------------------------------------------------------- */

/* Copies the part of a page that the command asks for. */
static uint16_t page_out(NvmeRequest *req, const void *page, uint64_t size)
{
    const NvmeCmd *cmd = &req->cmd;
    uint64_t len = (((uint64_t)(cmd->cdw11 & 0xffff) << 16 | cmd->cdw10 >> 16) + 1) * 4;
    uint64_t offset = (uint64_t)cmd->cdw13 << 32 | cmd->cdw12;

    if (offset & 3 || offset >= size) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    return nvme_copy_to_host(req, (const uint8_t *)page + offset, MIN(len, size - offset));
}

static uint16_t error_page(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    NvmeErrorLog page[NVME_ERROR_LOG_ENTRIES];

    /* The newest entry is the first. */
    for (unsigned i = 0; i < NVME_ERROR_LOG_ENTRIES; i++) {
        page[i] =
            n->errors[(n->errors_next + NVME_ERROR_LOG_ENTRIES - 1 - i) % NVME_ERROR_LOG_ENTRIES];
    }
    return page_out(req, page, sizeof(page));
}

static uint64_t thousands(uint64_t blocks)
{
    return DIV_ROUND_UP(blocks, 1000);
}

static uint16_t smart_page(NvmeRequest *req)
{
    NvmeCtrl *n = req->sq->n;
    NvmeStats s = nvme_stats(n);
    NvmeSmartLog page = {
        .temperature = NVME_TEMPERATURE,
        .available_spare = 100,
        .available_spare_threshold = 10,
    };

    if (req->cmd.nsid != 0 && req->cmd.nsid != NVME_NSID_ALL) {
        return NVME_INVALID_FIELD | NVME_DNR; /* LPA bit 0: one page for the controller */
    }
    if (NVME_TEMPERATURE >= n->temp_over || NVME_TEMPERATURE <= n->temp_under) {
        page.critical_warning |= BIT(NVME_AER_SMART_TEMPERATURE);
    }
    page.data_units_read[0] = thousands(s.blocks_read);
    page.data_units_written[0] = thousands(s.blocks_written);
    page.host_reads[0] = s.reads;
    page.host_writes[0] = s.writes;
    page.media_errors[0] = s.media_errors;
    page.power_on_hours[0] =
        (qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) - n->start_ns) / NANOSECONDS_PER_SECOND / 3600;
    page.error_log_entries[0] = __atomic_load_n(&n->error_count, __ATOMIC_RELAXED);
    return page_out(req, &page, sizeof(page));
}

static uint16_t firmware_page(NvmeRequest *req)
{
    NvmeFirmwareSlotLog page;

    nvme_firmware_log(req->sq->n, &page);
    return page_out(req, &page, sizeof(page));
}

static uint16_t self_test_page(NvmeRequest *req)
{
    uint8_t page[NVME_SELF_TEST_LOG_BYTES];

    nvme_self_test_log(req->sq->n, page);
    return page_out(req, page, sizeof(page));
}

static uint16_t sanitize_page(NvmeRequest *req)
{
    uint8_t page[512];

    nvme_sanitize_log(req->sq->n->subsys, page);
    return page_out(req, page, sizeof(page));
}

static uint16_t reservation_page(NvmeRequest *req, bool retain)
{
    uint8_t page[64];

    nvme_resv_log(req->sq->n, page, retain);
    return page_out(req, page, sizeof(page));
}

/* --- telemetry: one block, with what the controller counts ----------------------------------- */

typedef struct QEMU_PACKED TelemetryPage {
    uint8_t lid, rsvd1[4], ieee[3];
    uint16_t last_block[3];
    uint8_t rsvd14[367];
    uint8_t host_generation, ctrl_available, ctrl_generation;
    uint8_t reason[128];
    uint32_t csts, queues;
    NvmeStats stats;
    uint64_t errors;
    uint8_t rest[512 - 8 - sizeof(NvmeStats) - 8];
} TelemetryPage;
_Static_assert(sizeof(TelemetryPage) == 1024, "a header and one block");

static void take_snapshot(NvmeCtrl *n)
{
    TelemetryPage *p = (TelemetryPage *)n->telemetry;

    p->csts = __atomic_load_n(&n->csts, __ATOMIC_RELAXED);
    p->queues = 0;
    for (unsigned id = 0; id < n->num_db; id++) {
        p->queues += n->sq[id] != NULL;
    }
    p->stats = nvme_stats(n);
    p->errors = __atomic_load_n(&n->error_count, __ATOMIC_RELAXED);
}

static uint16_t telemetry_page(NvmeRequest *req, uint8_t lid)
{
    NvmeCtrl *n = req->sq->n;
    const NvmeCmd *cmd = &req->cmd;
    uint64_t len = (((uint64_t)(cmd->cdw11 & 0xffff) << 16 | cmd->cdw10 >> 16) + 1) * 4;
    TelemetryPage page;

    if (len % 512 || cmd->cdw12 % 512) { /* 5.14.1.7: whole blocks */
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (lid == NVME_LOG_TELEMETRY_HOST && cmd->cdw10 & BIT(8)) {
        take_snapshot(n);
        ((TelemetryPage *)n->telemetry)->host_generation++;
    }
    memcpy(&page, n->telemetry, sizeof(page));
    page.lid = lid;
    page.ieee[1] = 0x54;
    page.ieee[2] = 0x52;
    for (unsigned i = 0; i < 3; i++) { /* the controller never takes one of its own accord */
        page.last_block[i] = lid == NVME_LOG_TELEMETRY_HOST && page.host_generation ? 1 : 0;
    }
    return page_out(req, &page, sizeof(page));
}

/* --- what is supported ----------------------------------------------------------------------- */

static const uint8_t known_logs[] = {
    NVME_LOG_SUPPORTED,      NVME_LOG_ERROR,    NVME_LOG_SMART,       NVME_LOG_FIRMWARE_SLOT,
    NVME_LOG_CHANGED_NS,     NVME_LOG_EFFECTS,  NVME_LOG_SELF_TEST,   NVME_LOG_TELEMETRY_HOST,
    NVME_LOG_TELEMETRY_CTRL, NVME_LOG_FEATURES, NVME_LOG_RESERVATION, NVME_LOG_SANITIZE,
};

static uint16_t supported_page(NvmeRequest *req)
{
    uint32_t page[256] = {0};

    for (size_t i = 0; i < sizeof(known_logs); i++) {
        page[known_logs[i]] = 1;
    }
    return page_out(req, page, sizeof(page));
}

static uint16_t features_page(NvmeRequest *req)
{
    uint32_t page[256] = {0};

    for (unsigned fid = 0; fid < 256; fid++) {
        if (nvme_feature_known(fid)) {
            page[fid] = 1 | (nvme_feature_per_namespace(fid) ? BIT(20) : BIT(21)); /* scope */
        }
    }
    return page_out(req, page, sizeof(page));
}

static uint16_t effects_page(NvmeRequest *req)
{
    static const uint8_t admin[] = {NVME_ADM_DELETE_SQ,    NVME_ADM_CREATE_SQ,
                                    NVME_ADM_GET_LOG_PAGE, NVME_ADM_DELETE_CQ,
                                    NVME_ADM_CREATE_CQ,    NVME_ADM_IDENTIFY,
                                    NVME_ADM_ABORT,        NVME_ADM_SET_FEATURES,
                                    NVME_ADM_GET_FEATURES, NVME_ADM_ASYNC_EVENT_REQUEST,
                                    NVME_ADM_KEEP_ALIVE};
    static const uint8_t io[] = {NVME_IO_FLUSH,
                                 NVME_IO_READ,
                                 NVME_IO_COMPARE,
                                 NVME_IO_VERIFY,
                                 NVME_IO_RESERVATION_REGISTER,
                                 NVME_IO_RESERVATION_REPORT,
                                 NVME_IO_RESERVATION_ACQUIRE,
                                 NVME_IO_RESERVATION_RELEASE};
    static const uint8_t io_changing[] = {NVME_IO_WRITE, NVME_IO_WRITE_ZEROES,
                                          NVME_IO_DATASET_MANAGEMENT, NVME_IO_COPY,
                                          NVME_IO_WRITE_UNCORRECTABLE};
    g_autofree NvmeEffectsLog *page = g_new0(NvmeEffectsLog, 1);

    for (size_t i = 0; i < sizeof(admin); i++) {
        page->acs[admin[i]] = NVME_EFFECT_CSUPP;
    }
    page->acs[NVME_ADM_SELF_TEST] = NVME_EFFECT_CSUPP;
    page->acs[NVME_ADM_SANITIZE] = NVME_EFFECT_CSUPP | NVME_EFFECT_LBCC | NVME_EFFECT_CSE_ALL;
    if (req->sq->n->params.firmware) {
        page->acs[NVME_ADM_FIRMWARE_DOWNLOAD] = NVME_EFFECT_CSUPP;
        page->acs[NVME_ADM_FIRMWARE_COMMIT] = NVME_EFFECT_CSUPP | NVME_EFFECT_CCC;
    }
    page->acs[NVME_ADM_FORMAT_NVM] =
        NVME_EFFECT_CSUPP | NVME_EFFECT_LBCC | NVME_EFFECT_NCC | NVME_EFFECT_CSE_NS;
    if (req->sq->n->subsys->pool) {
        page->acs[NVME_ADM_NS_MANAGEMENT] = NVME_EFFECT_CSUPP | NVME_EFFECT_NIC;
    }
    page->acs[NVME_ADM_NS_ATTACHMENT] = NVME_EFFECT_CSUPP | NVME_EFFECT_NIC;
    if (req->sq->n->params.dbbuf) {
        page->acs[NVME_ADM_DOORBELL_BUFFER_CONFIG] = NVME_EFFECT_CSUPP;
    }
    for (size_t i = 0; i < sizeof(io); i++) {
        page->iocs[io[i]] = NVME_EFFECT_CSUPP;
    }
    for (size_t i = 0; i < sizeof(io_changing); i++) {
        page->iocs[io_changing[i]] = NVME_EFFECT_CSUPP | NVME_EFFECT_LBCC;
    }
    return page_out(req, page, sizeof(*page));
}

/* Namespaces that changed since the page was last read (5.14.1.4). */
static uint16_t changed_page(NvmeRequest *req, bool retain)
{
    NvmeCtrl *n = req->sq->n;
    g_autofree NvmeChangedNsLog *page = g_new0(NvmeChangedNsLog, 1);
    unsigned count = 0;

    for (unsigned w = 0; w < G_N_ELEMENTS(n->changed_ns); w++) {
        uint32_t bits = retain ? __atomic_load_n(&n->changed_ns[w], __ATOMIC_ACQUIRE)
                               : __atomic_exchange_n(&n->changed_ns[w], 0, __ATOMIC_ACQ_REL);

        for (; bits; bits &= bits - 1) {
            page->nsid[count++] = w * 32 + (unsigned)__builtin_ctz(bits);
        }
    }
    return page_out(req, page, sizeof(*page));
}

/* 8.15.1: some pages would show what the sanitize is about to take away. */
static bool sanitizing_refuses(NvmeRequest *req, uint8_t lid)
{
    return (lid == NVME_LOG_TELEMETRY_HOST || lid == NVME_LOG_TELEMETRY_CTRL) &&
           nvme_sanitize_busy(req->sq->n->subsys);
}

uint16_t nvme_get_log_page(NvmeRequest *req)
{
    uint8_t lid = req->cmd.cdw10 & 0xff;
    bool retain = req->cmd.cdw10 & BIT(15);
    uint16_t status;

    if (sanitizing_refuses(req, lid)) {
        return NVME_SANITIZE_IN_PROGRESS;
    }
    switch (lid) {
    case NVME_LOG_SUPPORTED:
        status = supported_page(req);
        break;
    case NVME_LOG_ERROR:
        status = error_page(req);
        break;
    case NVME_LOG_SMART:
        status = smart_page(req);
        break;
    case NVME_LOG_FIRMWARE_SLOT:
        status = firmware_page(req);
        break;
    case NVME_LOG_CHANGED_NS:
        status = changed_page(req, retain);
        break;
    case NVME_LOG_EFFECTS:
        status = effects_page(req);
        break;
    case NVME_LOG_SELF_TEST:
        status = self_test_page(req);
        break;
    case NVME_LOG_TELEMETRY_HOST:
    case NVME_LOG_TELEMETRY_CTRL:
        status = telemetry_page(req, lid);
        break;
    case NVME_LOG_FEATURES:
        status = features_page(req);
        break;
    case NVME_LOG_RESERVATION:
        status = reservation_page(req, retain);
        break;
    case NVME_LOG_SANITIZE:
        status = sanitize_page(req);
        break;
    default:
        return NVME_INVALID_LOG_PAGE | NVME_DNR;
    }
    if (!status && !retain) {
        nvme_aer_rearm(req->sq->n, lid);
    }
    return status;
}
