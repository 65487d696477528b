/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DSDT of the pc board.  What differs from machine to machine is in integers that a generated SSDT defines.
 */
DefinitionBlock ("", "DSDT", 2, "IOREGN", "PC440FX ", 1)
{
    External (\WLOB, IntObj)   // window below ECAM: base, length
    External (\WLOL, IntObj)
    External (\WMIB, IntObj)   // window behind ECAM
    External (\WMIL, IntObj)
    External (\WHIB, IntObj)   // window above RAM
    External (\WHIL, IntObj)
    External (\PCOM, IntObj)   // bit n: serial port n exists
    External (\PPAN, IntObj)   // pvpanic's port, 0: none
    External (\PHPT, IntObj)   // 1: there is an HPET
    External (\VGIA, IntObj)   // address of the generation's GUID, 0: none
    External (\PDEV, IntObj)   // bit 0: keyboard, 1: mouse, 2: floppy controller, 3: parallel port
    External (\PFLA, IntObj)   // CMOS type of floppy drive A, 0: there is none
    External (\PFLB, IntObj)

#include "top.asl"
#define CPU_PORTS 0xaf00
#include "cpus.asl"
#include "memory.asl"

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A03"))
#include "root.asl"

            // One of the four links for pin Arg1 of slot Arg0; slot 1 is the south bridge, whose power management function has
            // interrupt 9 for itself.
            Method (PENT, 2, Serialized)
            {
                If ((Arg0 == 1) && (Arg1 == 0))
                {
                    Local1 = Package (4) { 0, 0, LNKS, 0 }
                }
                Else
                {
                    Switch (ToInteger ((Arg0 + Arg1 + 3) & 3))
                    {
                        Case (0) { Local1 = Package (4) { 0, 0, LNKA, 0 } }
                        Case (1) { Local1 = Package (4) { 0, 0, LNKB, 0 } }
                        Case (2) { Local1 = Package (4) { 0, 0, LNKC, 0 } }
                        Default  { Local1 = Package (4) { 0, 0, LNKD, 0 } }
                    }
                }
                Local1 [0] = (Arg0 << 16) | 0xffff
                Local1 [1] = Arg1
                Return (Local1)
            }

            Method (_PRT, 0, Serialized)
            {
                Local0 = Package (128) {}
                Local1 = 0
                While (Local1 < 128)
                {
                    Local0 [Local1] = PENT (Local1 >> 2, Local1 & 3)
                    Local1++
                }
                Return (Local0)
            }

            Device (ISA)
            {
                Name (_ADR, 0x00010000)
                OperationRegion (PIRQ, PCI_Config, 0x60, 0x04)
                Field (PIRQ, ByteAcc, NoLock, Preserve)
                {
                    PRQA, 8, PRQB, 8, PRQC, 8, PRQD, 8
                }

#include "isa.asl"
            }
        }

        // The chipset's own ports are nobody else's.
        Device (CHIP)
        {
            Name (_HID, "PNP0C02")
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0600, 0x0600, 0, 0x40)
                IO (Decode16, 0xafe0, 0xafe0, 0, 0x04)
            })
        }

#include "links.asl"

        Device (LNKA)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 0)
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.ISA.PRQA)) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.PRQA |= 0x80 }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.ISA.PRQA)) }
            Method (_SRS, 1, NotSerialized) { CreateDWordField (Arg0, 5, IRQN)  \_SB.PCI0.ISA.PRQA = IRQN }
        }
        Device (LNKB)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 1)
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.ISA.PRQB)) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.PRQB |= 0x80 }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.ISA.PRQB)) }
            Method (_SRS, 1, NotSerialized) { CreateDWordField (Arg0, 5, IRQN)  \_SB.PCI0.ISA.PRQB = IRQN }
        }
        Device (LNKC)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 2)
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.ISA.PRQC)) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.PRQC |= 0x80 }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.ISA.PRQC)) }
            Method (_SRS, 1, NotSerialized) { CreateDWordField (Arg0, 5, IRQN)  \_SB.PCI0.ISA.PRQC = IRQN }
        }
        Device (LNKD)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 3)
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.ISA.PRQD)) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.ISA.PRQD |= 0x80 }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.ISA.PRQD)) }
            Method (_SRS, 1, NotSerialized) { CreateDWordField (Arg0, 5, IRQN)  \_SB.PCI0.ISA.PRQD = IRQN }
        }
        Device (LNKS)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 4)
            Name (SRES, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 9 }
            })
            Method (_PRS, 0, NotSerialized) { Return (SRES) }
            Method (_CRS, 0, NotSerialized) { Return (SRES) }
            Method (_STA, 0, NotSerialized) { Return (0x0b) }
            Method (_DIS, 0, NotSerialized) {}
            Method (_SRS, 1, NotSerialized) {}
        }
    }
}
