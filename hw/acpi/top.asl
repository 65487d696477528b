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
    }
