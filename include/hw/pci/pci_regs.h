/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Register offsets and bits of configuration space: the C library's kernel headers have them. */
#ifndef HW_PCI_REGS_H
#define HW_PCI_REGS_H
#include <linux/pci_regs.h>
#endif
