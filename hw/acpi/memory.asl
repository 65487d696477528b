// SPDX-License-Identifier: GPL-2.0-or-later
// Memory modules that come and go. An SSDT has a device for each slot, and MTFY, which notifies the right one.
    External (\_SB.MHPD.MTFY, MethodObj)
    External (\MSLT, IntObj)   // how many slots there are

    Scope (\_SB)
    {
        Device (MHPD)
        {
            Name (_HID, EisaId ("PNP0A06"))
            Name (_UID, "Memory hotplug resources")
            Method (_STA, 0, NotSerialized)
            {
                If (\MSLT != 0)
                {
                    Return (0x0b)
                }
                Return (0)
            }
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0a00, 0x0a00, 0, 0x18)
            })
            OperationRegion (MREG, SystemIO, 0x0a00, 0x18)
            Field (MREG, DWordAcc, NoLock, Preserve)    // read
            {
                MABL, 32,
                MABH, 32,
                MALL, 32,
                MALH, 32,
                MPRX, 32
            }
            Field (MREG, DWordAcc, NoLock, Preserve)    // written
            {
                MSEL, 32,
                MOEV, 32,
                MOSC, 32
            }
            Field (MREG, ByteAcc, NoLock, WriteAsZeros)
            {
                Offset (0x14),
                MPEN, 1,    // there is one
                MINS, 1,    // it has come; 1 takes note of it
                MRMV, 1,    // it is to go; 1 takes note of it
                MEJF, 1     // 1 lets it go
            }
            Mutex (MPLK, 0)

            Method (MSTA, 1, Serialized)
            {
                Acquire (MPLK, 0xffff)
                MSEL = Arg0
                Local0 = 0
                If (MPEN == 1)
                {
                    Local0 = 0x0f
                }
                Release (MPLK)
                Return (Local0)
            }

            Method (MPXM, 1, Serialized)
            {
                Acquire (MPLK, 0xffff)
                MSEL = Arg0
                Local0 = MPRX
                Release (MPLK)
                Return (Local0)
            }

            Method (MCRS, 1, Serialized)
            {
                Name (RANG, ResourceTemplate ()
                {
                    QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                        0, 0, 0, 0, 1, , , D000)
                })
                CreateQWordField (RANG, D000._MIN, RMIN)
                CreateQWordField (RANG, D000._MAX, RMAX)
                CreateQWordField (RANG, D000._LEN, RLEN)
                Acquire (MPLK, 0xffff)
                MSEL = Arg0
                RMIN = (MABH << 32) | MABL
                RLEN = (MALH << 32) | MALL
                RMAX = RMIN + RLEN - 1
                Release (MPLK)
                Return (RANG)
            }

            Method (MEJ0, 1, Serialized)
            {
                Acquire (MPLK, 0xffff)
                MSEL = Arg0
                MEJF = 1
                Release (MPLK)
            }

            Method (MOST, 4, Serialized)
            {
                Acquire (MPLK, 0xffff)
                MSEL = Arg0
                MOEV = Arg1
                MOSC = Arg2
                Release (MPLK)
            }

            Method (MSCN, 0, Serialized)
            {
                Acquire (MPLK, 0xffff)
                Local0 = 0
                While (Local0 < \MSLT)
                {
                    MSEL = Local0
                    If (MINS == 1)
                    {
                        MTFY (Local0, 1)
                        MINS = 1
                    }
                    If (MRMV == 1)
                    {
                        MTFY (Local0, 3)
                        MRMV = 1
                    }
                    Local0++
                }
                Release (MPLK)
            }
        }
    }

    Scope (\_GPE)
    {
        Method (_E03, 0, NotSerialized)
        {
            \_SB.MHPD.MSCN ()
        }
    }
