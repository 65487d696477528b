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

    Name (PICF, 0)
    Method (\_PIC, 1, NotSerialized)
    {
        PICF = Arg0
    }

    Name (\_S5, Package () { 0, 0, 0, 0 })

    // The power button is the fixed one.
    Scope (\_SB)
    {
        // _STA of a device that exists when Arg0 is not 0.
        Method (PRES, 1, NotSerialized)
        {
            If (Arg0 != 0)
            {
                Return (0x0f)
            }
            Return (0)
        }

        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
            Name (_UID, 0)
            Name (_BBN, 0)
            Name (SUPP, 0)
            Name (CTRL, 0)

            Method (_CRS, 0, Serialized)
            {
                Name (BASE, ResourceTemplate ()
                {
                    WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0xff, 0, 0x100)
                    IO (Decode16, 0x0cf8, 0x0cf8, 1, 8)
                    WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0, 0x0cf7, 0, 0x0cf8)
                    WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange, 0, 0x0d00, 0xffff, 0, 0xf300)
                    DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                        0, 0x000a0000, 0x000bffff, 0, 0x00020000)
                })
                Name (WLO, ResourceTemplate ()
                {
                    DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                        0, 0, 0, 0, 0, , , D000)
                })
                Name (WMI, ResourceTemplate ()
                {
                    DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                        0, 0, 0, 0, 0, , , D001)
                })
                Name (WHI, ResourceTemplate ()
                {
                    QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                        0, 0, 0, 0, 0, , , D002)
                })
                CreateDWordField (WLO, D000._MIN, LMIN)
                CreateDWordField (WLO, D000._MAX, LMAX)
                CreateDWordField (WLO, D000._LEN, LLEN)
                CreateDWordField (WMI, D001._MIN, MMIN)
                CreateDWordField (WMI, D001._MAX, MMAX)
                CreateDWordField (WMI, D001._LEN, MLEN)
                CreateQWordField (WHI, D002._MIN, HMIN)
                CreateQWordField (WHI, D002._MAX, HMAX)
                CreateQWordField (WHI, D002._LEN, HLEN)
                Local0 = BASE
                If (\WLOL != 0)
                {
                    LMIN = \WLOB
                    LLEN = \WLOL
                    LMAX = \WLOB + \WLOL - 1
                    Local0 = ConcatenateResTemplate (Local0, WLO)
                }
                If (\WMIL != 0)
                {
                    MMIN = \WMIB
                    MLEN = \WMIL
                    MMAX = \WMIB + \WMIL - 1
                    Local0 = ConcatenateResTemplate (Local0, WMI)
                }
                If (\WHIL != 0)
                {
                    HMIN = \WHIB
                    HLEN = \WHIL
                    HMAX = \WHIB + \WHIL - 1
                    Local0 = ConcatenateResTemplate (Local0, WHI)
                }
                Return (Local0)
            }

            // PCI Firmware Specification 3.2, 4.5: native hot plug, power events and the capability structure are the OS's.
            Method (_OSC, 4, Serialized)
            {
                CreateDWordField (Arg3, 0, CDW1)
                If (Arg0 == ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766"))
                {
                    CreateDWordField (Arg3, 4, CDW2)
                    CreateDWordField (Arg3, 8, CDW3)
                    SUPP = CDW2
                    CTRL = CDW3 & 0x15
                    If (Arg1 != 1)
                    {
                        CDW1 |= 0x08
                    }
                    If (CDW3 != CTRL)
                    {
                        CDW1 |= 0x10
                    }
                    CDW3 = CTRL
                }
                Else
                {
                    CDW1 |= 0x04
                }
                Return (Arg3)
            }

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

                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0070, 0x0070, 1, 8)
                        IRQNoFlags () { 8 }
                    })
                }

                Device (TIMR)
                {
                    Name (_HID, EisaId ("PNP0100"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0040, 0x0040, 1, 4)
                        IRQNoFlags () { 0 }
                    })
                }

                Device (COM1)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 1)
                    Method (_STA, 0, NotSerialized) { Return (PRES (\PCOM & 1)) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03f8, 0x03f8, 0, 8)
                        IRQNoFlags () { 4 }
                    })
                }

                Device (COM2)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 2)
                    Method (_STA, 0, NotSerialized) { Return (PRES (\PCOM & 2)) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x02f8, 0x02f8, 0, 8)
                        IRQNoFlags () { 3 }
                    })
                }

                Device (PEVT)
                {
                    Name (_HID, "QEMU0001")
                    Method (_STA, 0, NotSerialized) { Return (PRES (\PPAN)) }
                    // The port is known when the methods run, not when the table is loaded.
                    Method (RDPT, 0, Serialized)
                    {
                        OperationRegion (PEOR, SystemIO, \PPAN, 1)
                        Field (PEOR, ByteAcc, NoLock, Preserve) { PEPT, 8 }
                        Return (PEPT)
                    }
                    Method (WRPT, 1, Serialized)
                    {
                        OperationRegion (PEOR, SystemIO, \PPAN, 1)
                        Field (PEOR, ByteAcc, NoLock, Preserve) { PEPT, 8 }
                        PEPT = Arg0
                    }
                    Method (_CRS, 0, Serialized)
                    {
                        Name (PANC, ResourceTemplate ()
                        {
                            IO (Decode16, 0, 0, 1, 1, PORT)
                        })
                        CreateWordField (PANC, PORT._MIN, IOMN)
                        CreateWordField (PANC, PORT._MAX, IOMX)
                        IOMN = \PPAN
                        IOMX = \PPAN
                        Return (PANC)
                    }
                }
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

        // Interrupt links, for an OS that uses the 8259s.
        Method (LSTA, 1, NotSerialized)
        {
            If (Arg0 & 0x80)
            {
                Return (0x09)
            }
            Return (0x0b)
        }
        Method (LCRS, 1, Serialized)
        {
            Name (LRES, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, , , LINT) { 0 }
            })
            CreateDWordField (LRES, LINT._INT, LIRQ)
            LIRQ = Arg0 & 0x0f
            Return (LRES)
        }
        Name (LPRS, ResourceTemplate ()
        {
            Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 5, 10, 11 }
        })

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
