/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI transport.  A device's file names its types with VIRTIO_PCI_TYPES(); everything else
 * comes from the device's own description.
 */
#ifndef HW_VIRTIO_PCI_H
#define HW_VIRTIO_PCI_H

#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"

#define TYPE_VIRTIO_PCI "virtio-pci"
#define TYPE_VIRTIO_PCI_BUS "virtio-pci-bus"

typedef enum VirtioPciKind {
    VIRTIO_PCI_GENERIC,          /* as bus and properties say */
    VIRTIO_PCI_TRANSITIONAL,     /* both interfaces */
    VIRTIO_PCI_NON_TRANSITIONAL, /* the modern one only */
} VirtioPciKind;

/* class_data of a virtio-X-pci type. */
typedef struct VirtioPciType {
    const char *backend; /* the device's type */
    VirtioPciKind kind;
} VirtioPciType;

void virtio_pci_class_init(ObjectClass *klass, const void *data);
extern const char *const virtio_pci_interfaces[];
extern const char *const virtio_pci_conventional[];

#define VIRTIO_PCI_TYPE_(sym, type_name, backend_type, k, ifaces) \
    static const VirtioPciType sym##_data = {.backend = backend_type, .kind = k}; \
    static const TypeInfo sym = { \
        .name = type_name, \
        .parent = TYPE_VIRTIO_PCI, \
        .class_init = virtio_pci_class_init, \
        .class_data = &sym##_data, \
        .interfaces = ifaces, \
    }; \
    QOM_TYPE(sym)

/* NAME-pci, NAME-pci-transitional and NAME-pci-non-transitional for the device of type
 * backend_type. */
#define VIRTIO_PCI_TYPES(sym, base_name, backend_type) \
    VIRTIO_PCI_TYPE_(sym##_pci, base_name "-pci", backend_type, VIRTIO_PCI_GENERIC, \
                     virtio_pci_interfaces); \
    VIRTIO_PCI_TYPE_(sym##_pci_t, base_name "-pci-transitional", backend_type, \
                     VIRTIO_PCI_TRANSITIONAL, virtio_pci_conventional); \
    VIRTIO_PCI_TYPE_(sym##_pci_nt, base_name "-pci-non-transitional", backend_type, \
                     VIRTIO_PCI_NON_TRANSITIONAL, virtio_pci_interfaces)

#endif
