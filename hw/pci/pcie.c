/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PCI Express capability of endpoints and ports, link registers, function-level reset, extended
 * capabilities. Main loop. */
#include "hw/pci/pcie.h"
#include "hw/pci/pci_internal.h"

#define EXP_CAP_SIZE 0x3c
#define LINK_SPEED_2_5 1
#define LINK_WIDTH_1 (1 << 4)

static int cap_init(PCIDevice *dev, uint8_t offset, uint8_t type)
{
    g_autoptr(GError) err = NULL;
    int pos = pci_add_capability(dev, PCI_CAP_ID_EXP, offset, EXP_CAP_SIZE, &err);
    uint8_t *cap;

    if (pos < 0) {
        g_error("%s: %s", object_get_typename(OBJECT(dev)), err->message);
    }
    dev->exp_cap = pos;
    dev->cap_present |= PCI_CAP_PRESENT_EXPRESS;
    cap = dev->config + pos;
    pci_set_word(cap + PCI_EXP_FLAGS, 2 | type << 4);
    pci_set_long(cap + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_RBER);
    pci_set_word(dev->wmask + pos + PCI_EXP_DEVCTL,
                 PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE |
                     PCI_EXP_DEVCTL_URRE | PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_PAYLOAD |
                     PCI_EXP_DEVCTL_NOSNOOP_EN | PCI_EXP_DEVCTL_READRQ);
    pci_set_word(cap + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_READRQ_512B);
    pci_set_word(dev->w1cmask + pos + PCI_EXP_DEVSTA, PCI_EXP_DEVSTA_CED | PCI_EXP_DEVSTA_NFED |
                                                          PCI_EXP_DEVSTA_FED | PCI_EXP_DEVSTA_URD);
    pci_set_word(dev->wmask + pos + PCI_EXP_DEVCTL2, 0x1f);
    pci_set_long(cap + PCI_EXP_DEVCAP2, PCI_EXP_DEVCAP2_COMP_TMOUT_DIS);
    return pos;
}

static void link_init(PCIDevice *dev, uint8_t port)
{
    uint8_t *cap = dev->config + dev->exp_cap;

    pci_set_long(cap + PCI_EXP_LNKCAP, LINK_SPEED_2_5 | LINK_WIDTH_1 | (uint32_t)port << 24);
    pci_set_word(cap + PCI_EXP_LNKSTA, LINK_SPEED_2_5 | LINK_WIDTH_1);
    pci_set_word(dev->wmask + dev->exp_cap + PCI_EXP_LNKCTL,
                 PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_RCB | PCI_EXP_LNKCTL_CCC |
                     PCI_EXP_LNKCTL_ES);
    pci_set_long(cap + PCI_EXP_LNKCAP2, PCI_EXP_LNKCAP2_SLS_2_5GB);
    pci_set_word(cap + PCI_EXP_LNKCTL2, LINK_SPEED_2_5);
}

int pcie_endpoint_cap_init(PCIDevice *dev, uint8_t offset)
{
    bool integrated = pci_bus_is_root(pci_get_bus(dev));
    int pos;

    if (!object_is_a(OBJECT(pci_get_bus(dev)), TYPE_PCIE_BUS)) {
        return 0; /* on a conventional bus a function is a conventional one */
    }
    pos = cap_init(dev, offset, integrated ? PCI_EXP_TYPE_RC_END : PCI_EXP_TYPE_ENDPOINT);
    if (!integrated) {
        link_init(dev, 0);
    }
    return pos;
}

int pcie_port_cap_init(PCIDevice *dev, uint8_t offset, uint8_t type, uint8_t port)
{
    int pos = cap_init(dev, offset, type);

    link_init(dev, port);
    /* "Link active" can be read from the status register: what native hot-plug drivers wait for. */
    pci_set_long(dev->config + pos + PCI_EXP_LNKCAP,
                 pci_get_long(dev->config + pos + PCI_EXP_LNKCAP) | PCI_EXP_LNKCAP_DLLLARC);
    if (type == PCI_EXP_TYPE_ROOT_PORT) {
        pci_set_word(dev->wmask + pos + PCI_EXP_RTCTL, PCI_EXP_RTCTL_SECEE | PCI_EXP_RTCTL_SENFEE |
                                                           PCI_EXP_RTCTL_SEFEE |
                                                           PCI_EXP_RTCTL_PMEIE);
        pci_set_long(dev->w1cmask + pos + PCI_EXP_RTSTA, PCI_EXP_RTSTA_PME);
    }
    return pos;
}

void pcie_port_link(PCIDevice *port, bool up)
{
    uint8_t *sta = port->config + port->exp_cap + PCI_EXP_LNKSTA;
    QEMU_LOCK_GUARD(&port->config_lock);

    pci_set_word(sta, up ? pci_get_word(sta) | PCI_EXP_LNKSTA_DLLLA
                         : pci_get_word(sta) & ~PCI_EXP_LNKSTA_DLLLA);
}

void pcie_cap_flr_init(PCIDevice *dev)
{
    uint8_t *cap = dev->config + dev->exp_cap;

    if (!dev->exp_cap) {
        return;
    }
    dev->cap_present |= PCI_CAP_PRESENT_FLR;
    pci_set_long(cap + PCI_EXP_DEVCAP, pci_get_long(cap + PCI_EXP_DEVCAP) | PCI_EXP_DEVCAP_FLR);
    pci_set_word(dev->wmask + dev->exp_cap + PCI_EXP_DEVCTL,
                 pci_get_word(dev->wmask + dev->exp_cap + PCI_EXP_DEVCTL) | PCI_EXP_DEVCTL_BCR_FLR);
    pci_config_mark_home(dev, dev->exp_cap + PCI_EXP_DEVCTL, 2);
}

void pcie_cap_config_written(PCIDevice *dev, uint32_t addr, unsigned len)
{
    uint8_t *ctl = dev->config + dev->exp_cap + PCI_EXP_DEVCTL;

    if ((dev->cap_present & PCI_CAP_PRESENT_FLR) &&
        pci_ranges_overlap(addr, len, dev->exp_cap + PCI_EXP_DEVCTL, 2) &&
        (pci_get_word(ctl) & PCI_EXP_DEVCTL_BCR_FLR)) {
        /* The bit reads as zero (7.5.3.4). */
        pci_set_word(ctl, pci_get_word(ctl) & ~PCI_EXP_DEVCTL_BCR_FLR);
        device_cold_reset(DEVICE(dev));
    }
}

void pcie_cap_reset(PCIDevice *dev)
{
    uint8_t *cap = dev->config + dev->exp_cap;

    if (!dev->exp_cap) {
        return;
    }
    QEMU_LOCK_GUARD(&dev->config_lock);
    pci_set_word(cap + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_READRQ_512B);
    pci_set_word(cap + PCI_EXP_DEVSTA, 0);
    pci_set_word(cap + PCI_EXP_LNKCTL, 0);
    pci_set_word(cap + PCI_EXP_DEVCTL2, 0);
    pci_set_word(cap + PCI_EXP_RTCTL, 0);
    pci_set_long(cap + PCI_EXP_RTSTA, 0);
}

void pcie_add_capability(PCIDevice *dev, uint16_t id, uint8_t ver, uint16_t offset, uint16_t size)
{
    uint16_t at = PCI_CONFIG_SPACE_SIZE;

    assert_main_loop();
    g_assert(offset >= PCI_CONFIG_SPACE_SIZE && offset + size <= PCIE_CONFIG_SPACE_SIZE);
    g_assert(dev->config_size == PCIE_CONFIG_SPACE_SIZE && IS_ALIGNED(offset, 4));
    if (offset != at) {
        uint32_t head;

        /* The list begins at 0x100; walk to its end (7.6.3: next in bits 31:20). */
        while ((head = pci_get_long(dev->config + at)) >> 20) {
            at = head >> 20;
        }
        pci_set_long(dev->config + at, (head & 0xfffff) | (uint32_t)offset << 20);
    }
    pci_set_long(dev->config + offset, id | (uint32_t)ver << 16);
    memset(dev->used + offset, 0xff, size);
}
