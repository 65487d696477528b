/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DSDT of microvm: hardware-reduced, so events come through a Generic Event Device. What differs from machine to machine is in integers
 * of a generated SSDT; the virtio transports are put behind this table's end.
 */
DefinitionBlock ("", "DSDT", 2, "IOREGN", "MICROVM ", 1)
{
    External (\PCOM, IntObj)   // bit n: serial port n exists
    External (\PRTC, IntObj)   // 1: there is an RTC
    External (\PPCI, IntObj)   // 1: there is PCI Express, with INTA# to INTD# at
    External (\PIRB, IntObj)   // this global interrupt and the next three
    External (\WLOB, IntObj)   // PCI's windows below 4 GiB and above RAM: base, length
    External (\WLOL, IntObj)
    External (\WHIB, IntObj)
    External (\WHIL, IntObj)
    External (\VGIA, IntObj)   // address of the generation's GUID, 0: none

    Name (\_S5, Package () { 5, 0, 0, 0 })

    Scope (\_SB)
    {
        Method (PRES, 1, NotSerialized)
        {
            If (Arg0 != 0)
            {
                Return (0x0f)
            }
            Return (0)
        }

        Device (PWRB)
        {
            Name (_HID, EisaId ("PNP0C0C"))
            Name (_UID, 0)
        }

        Device (GED)
        {
            Name (_HID, "ACPI0013")
            Name (_UID, 0)
            Name (_CRS, ResourceTemplate ()
            {
                Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 9 }
            })
            OperationRegion (EREG, SystemMemory, 0xfea00000, 4)
            Field (EREG, DWordAcc, NoLock, WriteAsZeros)
            {
                ESEL, 32
            }
            Method (_EVT, 1, Serialized)
            {
                Local0 = ESEL
                If (Local0 & 0x02)
                {
                    Notify (PWRB, 0x80)
                }
            }
        }

        Device (FWCF)
        {
            Name (_HID, "QEMU0002")
            Name (_STA, 0x0b)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0510, 0x0510, 1, 0x0c)
            })
        }

        Device (VGEN)
        {
            Name (_HID, "QEMUVGID")
            Name (_CID, "VM_Gen_Counter")
            Name (_DDN, "VM_Gen_Counter")
            Method (_STA, 0, NotSerialized) { Return (PRES (\VGIA)) }
            Method (ADDR, 0, NotSerialized)
            {
                Local0 = Package (2) { 0, 0 }
                Local0 [0] = \VGIA & 0xffffffff
                Local0 [1] = \VGIA >> 32
                Return (Local0)
            }
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

        Device (RTC)
        {
            Name (_HID, EisaId ("PNP0B00"))
            Method (_STA, 0, NotSerialized) { Return (PRES (\PRTC)) }
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0x0070, 0x0070, 1, 8)
                IRQNoFlags () { 8 }
            })
        }

        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
            Name (_SEG, 0)
            Name (_BBN, 0)
            Name (_UID, 0)
            Name (_CCA, 1)
            Method (_STA, 0, NotSerialized) { Return (PRES (\PPCI)) }
            Method (_CBA, 0, NotSerialized) { Return (0xe0000000) }

            Method (_CRS, 0, Serialized)
            {
                Name (WIND, ResourceTemplate ()
                {
                    WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode, 0, 0, 0xff, 0, 0x100)
                    DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                        0, 0, 0, 0, 0, , , D000)
                    QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                        0, 0, 0, 0, 0, , , D001)
                })
                CreateDWordField (WIND, D000._MIN, LMIN)
                CreateDWordField (WIND, D000._MAX, LMAX)
                CreateDWordField (WIND, D000._LEN, LLEN)
                CreateQWordField (WIND, D001._MIN, HMIN)
                CreateQWordField (WIND, D001._MAX, HMAX)
                CreateQWordField (WIND, D001._LEN, HLEN)
                LMIN = \WLOB
                LLEN = \WLOL
                LMAX = \WLOB + \WLOL - 1
                HMIN = \WHIB
                HLEN = \WHIL
                HMAX = \WHIB + \WHIL - 1
                Return (WIND)
            }

            Method (PENT, 2, NotSerialized)
            {
                Local0 = Package (4) { 0, 0, 0, 0 }
                Local0 [0] = (Arg0 << 16) | 0xffff
                Local0 [1] = Arg1
                Local0 [3] = \PIRB + ((Arg0 + Arg1) & 3)
                Return (Local0)
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

            // PCI Firmware Specification 3.2, 4.5: what the OS asks for of native control is its own.
            Method (_OSC, 4, Serialized)
            {
                CreateDWordField (Arg3, 0, CDW1)
                If (Arg0 == ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766"))
                {
                    CreateDWordField (Arg3, 8, CDW3)
                    Local0 = CDW3 & 0x15
                    If (Arg1 != 1)
                    {
                        CDW1 |= 0x08
                    }
                    If (CDW3 != Local0)
                    {
                        CDW1 |= 0x10
                    }
                    CDW3 = Local0
                }
                Else
                {
                    CDW1 |= 0x04
                }
                Return (Arg3)
            }
        }
    }
}
