// SPDX-License-Identifier: GPL-2.0-or-later
// What every board's DSDT begins with.
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
    }
