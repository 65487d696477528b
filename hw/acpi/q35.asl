/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DSDT of the q35 board.  What differs from machine to machine (address windows, which port devices exist) is in integers that a
 * generated SSDT defines.
 */
DefinitionBlock ("", "DSDT", 2, "IOREGN", "Q35     ", 1)
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
#define CPU_PORTS 0x0cd8
#include "cpus.asl"
#include "memory.asl"

    Scope (\_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
#include "root.asl"

            // Which of the eight lines (0 is A) pin Arg1 of slot Arg0 drives.
            Method (PLIN, 2, NotSerialized)
            {
                If (Arg0 == 31)
                {
                    Return (Arg1)
                }
                If (Arg0 > 24)
                {
                    Return (4 + Arg1)
                }
                Return (4 + ((Arg0 + Arg1) & 3))
            }

            Method (PENT, 2, Serialized)
            {
                Local0 = PLIN (Arg0, Arg1)
                If (PICF != 0)
                {
                    Local1 = Package (4) { 0, 0, 0, 0 }
                    Local1 [3] = 16 + Local0
                }
                Else
                {
                    Switch (ToInteger (Local0))
                    {
                        Case (0) { Local1 = Package (4) { 0, 0, LNKA, 0 } }
                        Case (1) { Local1 = Package (4) { 0, 0, LNKB, 0 } }
                        Case (2) { Local1 = Package (4) { 0, 0, LNKC, 0 } }
                        Case (3) { Local1 = Package (4) { 0, 0, LNKD, 0 } }
                        Case (4) { Local1 = Package (4) { 0, 0, LNKE, 0 } }
                        Case (5) { Local1 = Package (4) { 0, 0, LNKF, 0 } }
                        Case (6) { Local1 = Package (4) { 0, 0, LNKG, 0 } }
                        Default  { Local1 = Package (4) { 0, 0, LNKH, 0 } }
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

            Device (LPC)
            {
                Name (_ADR, 0x001f0000)
                OperationRegion (PIRQ, PCI_Config, 0x60, 0x0c)
                Field (PIRQ, ByteAcc, NoLock, Preserve)
                {
                    PRQA, 8, PRQB, 8, PRQC, 8, PRQD, 8,
                    Offset (8),
                    PRQE, 8, PRQF, 8, PRQG, 8, PRQH, 8
                }

#include "isa.asl"
            }
        }

        // ECAM and the chipset's own ranges are nobody else's.
        Device (DRAC)
        {
            Name (_HID, "PNP0C01")
            Name (_CRS, ResourceTemplate ()
            {
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0, 0xb0000000, 0xbfffffff, 0, 0x10000000)
                IO (Decode16, 0x0600, 0x0600, 0, 0x80)
            })
        }

#include "links.asl"

        Device (LNKA)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 0)
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.LPC.PRQA)) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.LPC.PRQA |= 0x80 }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.LPC.PRQA)) }
            Method (_SRS, 1, NotSerialized) { CreateDWordField (Arg0, 5, IRQN)  \_SB.PCI0.LPC.PRQA = IRQN }
        }
        Device (LNKB)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 1)
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.LPC.PRQB)) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.LPC.PRQB |= 0x80 }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.LPC.PRQB)) }
            Method (_SRS, 1, NotSerialized) { CreateDWordField (Arg0, 5, IRQN)  \_SB.PCI0.LPC.PRQB = IRQN }
        }
        Device (LNKC)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 2)
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.LPC.PRQC)) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.LPC.PRQC |= 0x80 }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.LPC.PRQC)) }
            Method (_SRS, 1, NotSerialized) { CreateDWordField (Arg0, 5, IRQN)  \_SB.PCI0.LPC.PRQC = IRQN }
        }
        Device (LNKD)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 3)
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.LPC.PRQD)) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.LPC.PRQD |= 0x80 }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.LPC.PRQD)) }
            Method (_SRS, 1, NotSerialized) { CreateDWordField (Arg0, 5, IRQN)  \_SB.PCI0.LPC.PRQD = IRQN }
        }
        Device (LNKE)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 4)
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.LPC.PRQE)) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.LPC.PRQE |= 0x80 }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.LPC.PRQE)) }
            Method (_SRS, 1, NotSerialized) { CreateDWordField (Arg0, 5, IRQN)  \_SB.PCI0.LPC.PRQE = IRQN }
        }
        Device (LNKF)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 5)
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.LPC.PRQF)) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.LPC.PRQF |= 0x80 }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.LPC.PRQF)) }
            Method (_SRS, 1, NotSerialized) { CreateDWordField (Arg0, 5, IRQN)  \_SB.PCI0.LPC.PRQF = IRQN }
        }
        Device (LNKG)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 6)
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.LPC.PRQG)) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.LPC.PRQG |= 0x80 }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.LPC.PRQG)) }
            Method (_SRS, 1, NotSerialized) { CreateDWordField (Arg0, 5, IRQN)  \_SB.PCI0.LPC.PRQG = IRQN }
        }
        Device (LNKH)
        {
            Name (_HID, EisaId ("PNP0C0F"))
            Name (_UID, 7)
            Method (_PRS, 0, NotSerialized) { Return (LPRS) }
            Method (_STA, 0, NotSerialized) { Return (LSTA (\_SB.PCI0.LPC.PRQH)) }
            Method (_DIS, 0, NotSerialized) { \_SB.PCI0.LPC.PRQH |= 0x80 }
            Method (_CRS, 0, NotSerialized) { Return (LCRS (\_SB.PCI0.LPC.PRQH)) }
            Method (_SRS, 1, NotSerialized) { CreateDWordField (Arg0, 5, IRQN)  \_SB.PCI0.LPC.PRQH = IRQN }
        }
    }
}
