// SPDX-License-Identifier: GPL-2.0-or-later
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
