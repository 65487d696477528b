// SPDX-License-Identifier: GPL-2.0-or-later
// Port devices below the ISA bridge.
                Device (RTC)
                {
                    Name (_HID, EisaId ("PNP0B00"))
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0070, 0x0070, 1, 8)
                        IRQNoFlags () { 8 }
                    })
                }

                Device (HPET)
                {
                    Name (_HID, EisaId ("PNP0103"))
                    Name (_UID, 0)
                    Method (_STA, 0, NotSerialized) { Return (PRES (\PHPT)) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        Memory32Fixed (ReadOnly, 0xfed00000, 0x00000400)
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

                Device (COM3)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 3)
                    Method (_STA, 0, NotSerialized) { Return (PRES (\PCOM & 4)) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03e8, 0x03e8, 0, 8)
                        IRQNoFlags () { 4 }
                    })
                }

                Device (COM4)
                {
                    Name (_HID, EisaId ("PNP0501"))
                    Name (_UID, 4)
                    Method (_STA, 0, NotSerialized) { Return (PRES (\PCOM & 8)) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x02e8, 0x02e8, 0, 8)
                        IRQNoFlags () { 3 }
                    })
                }

                Device (KBD)
                {
                    Name (_HID, EisaId ("PNP0303"))
                    Method (_STA, 0, NotSerialized) { Return (PRES (\PDEV & 1)) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0060, 0x0060, 1, 1)
                        IO (Decode16, 0x0064, 0x0064, 1, 1)
                        IRQNoFlags () { 1 }
                    })
                }

                Device (MOU)
                {
                    Name (_HID, EisaId ("PNP0F13"))
                    Method (_STA, 0, NotSerialized) { Return (PRES (\PDEV & 2)) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IRQNoFlags () { 12 }
                    })
                }

                Device (FDC0)
                {
                    Name (_HID, EisaId ("PNP0700"))
                    Method (_STA, 0, NotSerialized) { Return (PRES (\PDEV & 4)) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x03f2, 0x03f2, 0, 4)
                        IO (Decode16, 0x03f7, 0x03f7, 0, 1)
                        IRQNoFlags () { 6 }
                        DMA (Compatibility, NotBusMaster, Transfer8) { 2 }
                    })
                    // Which of four drives there are; no tape.
                    Method (_FDE, 0, Serialized)
                    {
                        Name (FDE, Buffer (20) { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0 })
                        FDE [0] = (\PFLA != 0) & 1
                        FDE [4] = (\PFLB != 0) & 1
                        Return (FDE)
                    }
                    // Drive number, type, last cylinder, sector and head, and the BIOS's parameters of such a drive.
                    Method (FDI, 2, NotSerialized)
                    {
                        Local0 = Package (16)
                        {
                            0, 0, 79, 18, 1, 0xaf, 0x02, 0x25, 2, 18, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08
                        }
                        Local0 [0] = Arg0
                        Local0 [1] = Arg1
                        If (Arg1 == 2)
                        {
                            Local0 [3] = 15
                            Local0 [9] = 15
                        }
                        If (Arg1 == 5)
                        {
                            Local0 [3] = 36
                            Local0 [9] = 36
                        }
                        Return (Local0)
                    }
                    Device (FLPA)
                    {
                        Name (_ADR, 0)
                        Method (_STA, 0, NotSerialized) { Return (PRES (\PFLA)) }
                        Method (_FDI, 0, NotSerialized) { Return (FDI (0, \PFLA)) }
                    }
                    Device (FLPB)
                    {
                        Name (_ADR, 1)
                        Method (_STA, 0, NotSerialized) { Return (PRES (\PFLB)) }
                        Method (_FDI, 0, NotSerialized) { Return (FDI (1, \PFLB)) }
                    }
                }

                Device (LPT1)
                {
                    Name (_HID, EisaId ("PNP0400"))
                    Name (_UID, 1)
                    Method (_STA, 0, NotSerialized) { Return (PRES (\PDEV & 8)) }
                    Name (_CRS, ResourceTemplate ()
                    {
                        IO (Decode16, 0x0378, 0x0378, 8, 8)
                        IRQNoFlags () { 7 }
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
