// SPDX-License-Identifier: GPL-2.0-or-later
// Processors that come and go. The SSDT has a device for each possible one, and CTFY, which notifies the right one.
    External (\_SB.CPUS.CTFY, MethodObj)

    Scope (\_SB)
    {
        Device (CPUR)
        {
            Name (_HID, EisaId ("PNP0A06"))
            Name (_UID, "CPU Hotplug resources")
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, CPU_PORTS, CPU_PORTS, 1, 0x0c)
            })
        }

        Device (CPUS)
        {
            Name (_HID, "ACPI0010")
            Name (_CID, EisaId ("PNP0A05"))
            OperationRegion (PRST, SystemIO, CPU_PORTS, 0x0c)
            Field (PRST, ByteAcc, NoLock, WriteAsZeros)
            {
                Offset (4),
                CPEN, 1,    // there is one
                CINS, 1,    // it has come; 1 takes note of it
                CRMV, 1,    // it is to go; 1 takes note of it
                CEJF, 1,    // 1 lets it go
                Offset (5),
                CCMD, 8
            }
            Field (PRST, DWordAcc, NoLock, Preserve)
            {
                CSEL, 32,
                Offset (8),
                CDAT, 32
            }
            Mutex (CPLK, 0)

            Method (CSTA, 1, Serialized)
            {
                Acquire (CPLK, 0xffff)
                CSEL = Arg0
                Local0 = 0
                If (CPEN == 1)
                {
                    Local0 = 0x0f
                }
                Release (CPLK)
                Return (Local0)
            }

            Method (CEJ0, 1, Serialized)
            {
                Acquire (CPLK, 0xffff)
                CSEL = Arg0
                CEJF = 1
                Release (CPLK)
            }

            Method (COST, 4, Serialized)
            {
                Acquire (CPLK, 0xffff)
                CSEL = Arg0
                CCMD = 1
                CDAT = Arg1
                CCMD = 2
                CDAT = Arg2
                Release (CPLK)
            }

            // From the first processor up, each that has an event.
            Method (CSCN, 0, Serialized)
            {
                Acquire (CPLK, 0xffff)
                Local0 = 0
                Local1 = 1
                While (Local1 == 1)
                {
                    Local1 = 0
                    CSEL = Local0
                    CCMD = 0
                    Local2 = CDAT
                    If (Local2 >= Local0)
                    {
                        If (CINS == 1)
                        {
                            CTFY (Local2, 1)
                            CINS = 1
                            Local1 = 1
                        }
                        If (CRMV == 1)
                        {
                            CTFY (Local2, 3)
                            CRMV = 1
                            Local1 = 1
                        }
                        Local0 = Local2 + 1
                    }
                }
                Release (CPLK)
            }
        }
    }

    Scope (\_GPE)
    {
        Method (_E02, 0, NotSerialized)
        {
            \_SB.CPUS.CSCN ()
        }
    }
