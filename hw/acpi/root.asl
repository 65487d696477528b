// SPDX-License-Identifier: GPL-2.0-or-later
// The root bridge: address windows and what the OS may take over.
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
