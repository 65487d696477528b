# SPDX-License-Identifier: GPL-2.0-or-later
"""What the fuzzers begin with: inputs that reach far, and words that mean something."""

import json
import pathlib
import re
import struct

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent


def schema_words():
    """All names in the QMP schema, and its commands with their arguments."""
    commands, words = {}, set()
    for file in sorted((SOURCE / 'qapi').glob('*.json')):
        text = file.read_text(encoding='utf-8')
        words |= set(re.findall(r"'\*?([A-Za-z0-9_-]+)'", text))
        for found in re.finditer(r"\{ *'command': *'([a-z0-9_-]+)'(.*?)\}", text, re.S):
            commands[found[1]] = re.findall(r"'\*?([a-z0-9_-]+)': *'(\w+)'", found[2])
    return commands, words


VALUES = {'bool': True, 'int': -1, 'size': 4096, 'number': 1.5, 'uint8': 255, 'uint16': 1, 'uint32': 1, 'uint64': 2 ** 64 - 1,
          'str': 'a'}


def qmp():
    commands, words = schema_words()
    inputs = []
    for name, arguments in sorted(commands.items()):
        values = {key: VALUES.get(kind, {}) for key, kind in arguments}
        inputs.append(json.dumps({'execute': name, 'arguments': values, 'id': [1]}) + '\n')
    inputs.append('{"execute":"chardev-add","arguments":{"id":"c","backend":{"type":"socket","data":{"addr":{"type":"unix",'
                  '"data":{"path":"p"}},"server":true}}}}')
    inputs.append("{'exec-oob': 'query-name', 'id': \"\\u00e4\\ud83d\\ude00\"}\xff{\n[1, null, -2.5e3]\n")
    return inputs, {f'"{word}"' for word in words} | {'"execute"', '"arguments"', '"exec-oob"', '"id"', '\\u0041', '\xff'}


def source_words(*places):
    """Strings in C files that look like names of properties and the like."""
    words = set()
    for place in places:
        for file in sorted((SOURCE / place).rglob('*.c')):
            words |= set(re.findall(r'"([a-z][a-z0-9_.-]{2,30})"', file.read_text(encoding='utf-8')))
    return words


def options():
    inputs = [
        '-device nvme,id=n0,drive=disk0,serial=x,bus=rp0,addr=0,ioregionfd=\n-device nvme,bus=rp0,serial=y,drive=disk0',
        '-device {"driver": "nvme", "id": "n", "bus": "rp0", "drive": "disk0", "serial": "s", "max_ioqpairs": 4}',
        '-device pci-testdev,id=t,bus=rp0,addr=0.0,multifunction=on,romfile=\n-device pci-testdev,bus=rp1',
        '-device pcie-root-port,id=r,bus=rp0,chassis=3,slot=3,port=1,hotplug=off',
        '-device isa-serial,chardev=c,iobase=0x3f8,irq=4\n-device pvpanic,ioport=0x505\n-device driver=pc-testdev',
        '-object iothread,id=t0,poll-max-ns=0,poll-grow=2,poll-shrink=2\n-object ioregionfd,id=i0,iothread=t0,transport=socket',
        '-object ioregionfd,id=i0,iothread=iot0,device=dev0,region=0,transport=ring,posted-writes=off,timeout-ms=10',
        '-object {"qom-type": "memory-backend-ram", "id": "m0", "size": 4194304, "share": true}',
        '-object memory-backend-file,id=m0,size=1M,mem-path=m,share=on,discard-data=on,align=2M\n-object iothread,id=m0',
        '-object memory-backend-memfd,id=m0,size=2M,hugetlb=off,seal=on',
        '-blockdev raw,node-name=r,offset=512,size=1K,file.driver=file,file.filename=disk.img,file.cache.direct=on,discard=unmap',
        '-blockdev {"driver":"file","node-name":"f","filename":"disk.img","aio":"threads","locking":"off","read-only":true}\n'
        '-blockdev raw,node-name=r,file=f,detect-zeroes=on\n-device nvme,drive=r,serial=z,bus=rp1',
        '-blockdev blkdebug,node-name=b,image.driver=null-co,inject-error.0.event=none,inject-error.0.iotype=read,'
        'inject-error.0.errno=5,inject-error.0.sector=1,inject-error.0.once=on',
        '-blockdev null-co,node-name=n,size=1G,latency-ns=1000,read-zeroes=on\n-device nvme,drive=n,serial=q,bus=rp0',
        '-drive if=none,id=d,file=disk.img,format=raw,cache=none,aio=native,werror=stop,rerror=ignore,readonly=on',
        '-drive if=none,id=d,driver=null-co,size=1M\n-device nvme,drive=d,serial=q,bus=rp0',
    ]
    words = source_words('hw', 'block', 'system', 'qom') | {'-device ', '-object ', '-blockdev ', '-drive ', 'bus=rp0', 'id='}
    return inputs, words


def qtest():
    ecam = 0xb0000000
    inputs = [
        f'writel {ecam + (4 << 15) + 0x10:#x} 0xfe000000\nwritew {ecam + (4 << 15) + 4:#x} 6\nreadl 0xfe000000\n'
        'writel 0xfe000024 0x1f001f\nwriteq 0xfe000028 0x100000\nwriteq 0xfe000030 0x101000\nwritel 0xfe000014 0x460001\n'
        'write 0x100000 0x10 0x06000000010000000000000000000000\nwritel 0xfe001000 1\nclock_step 1000000\nreadl 0xfe00001c\n',
        'outl 0xcf8 0x80002010\noutl 0xcfc 0xfe000000\ninl 0xcfc\noutl 0xcf8 0x80002004\noutw 0xcfc 7\n',
        f'writel {ecam + (5 << 15) + 0x18:#x} 0x010100\nwritel {ecam + (5 << 15) + 0x20:#x} 0xfd00fd00\n'
        f'writew {ecam + (5 << 15) + 4:#x} 7\nwritel {ecam + (1 << 20) + 0x10:#x} 0xfd000000\nwritew {ecam + (1 << 20) + 4:#x} 6\n'
        'readq 0xfd000000\nwritel 0xfd000014 0x460001\n',
        'outb 0x70 0xb\noutb 0x71 0x72\ninb 0x71\nclock_step 1000000\noutb 0x70 0xc\ninb 0x71\n',
        'outb 0x43 0x34\noutb 0x40 0xff\noutb 0x40 0\nclock_step 100000\noutb 0x20 0x11\noutb 0x21 8\noutb 0x21 4\noutb 0x21 1\n',
        'outb 0x3fb 0x83\noutb 0x3f8 1\noutb 0x3fb 3\noutb 0x3fc 0x1f\noutb 0x3f9 0xf\noutb 0x3f8 65\ninb 0x3fa\n',
        'outw 0x510 0x19\ninb 0x511\noutl 0x514 0\noutl 0x518 0x00001000\nwriteq 0x1000 0x0200001900000020\n',
        'outb 0x92 2\noutb 0x64 0xd1\noutb 0x60 3\noutw 0x604 0x2000\noutb 0xcf9 2\noutb 0xb2 1\noutb 0x505 1\n',
        'writel 0xfec00000 0x10\nwritel 0xfec00010 0x10000\nwritel 0xfee00300 0xc4500\nreadl 0xfee00020\n',
        'memset 0x1000 0x100 0x55\nb64write 0x1000 3 AAEC\nb64read 0x1000 8\nread 0x1000 4\nendianness\nclock_set 5000\n',
        f'write {ecam + (3 << 15) + 0x10:#x} 0x4 0x000000fc\nwriteb {ecam + (3 << 15) + 4:#x} 3\nwriteb 0xfc000000 0\nreadb 0xfc000004\n',
        'irq_intercept_in ioapic\nset_irq_in /machine/unattached x 1 1\nmodule_load a b\nrtas x 1 2 3 4\n \nqom-list\n',
    ]
    words = {'writeb ', 'writew ', 'writel ', 'writeq ', 'readb ', 'readl ', 'readq ', 'read ', 'write ', 'memset ', 'b64read ',
             'b64write ', 'outb ', 'outw ', 'outl ', 'inb ', 'inw ', 'inl ', 'clock_step ', 'clock_set ', 'irq_intercept_in ',
             'irq_intercept_out ', 'set_irq_in ', '0xcf8 ', '0xcfc ', '0x80002000', '0xfe000000 ', '0xfd000000 ', '0xfec00000 ',
             '0xfee00000 ', '0xffffffff', '0xffffffffffffffff ', '\n'}
    return inputs, words | {f'{ecam + (slot << 15):#x}' for slot in (0, 3, 4, 5, 31)}


def block():
    content = bytes(range(1, 256)) * 12
    header = struct.Struct('4B').pack
    requests = b''.join(header(op, 1, 3, 0x40 + op) for op in (0, 1, 0, 2, 0, 3, 4, 5, 0))
    inputs = [header(flags, 2, 3, 9) + requests + content[:length]
              for flags in (0, 1, 3, 4, 12, 28, 31) for length in (0, 1, 511, 512, 700, 3000)]
    return inputs + [header(0, 0, 0, 0) + b'QFI\xfb' + content], {'QFI\xfb', 'VMDK', 'conectix', 'vhdxfile'}


def ioregion_wire():
    inputs = [bytes(x) for x in ([1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 2, 2, 0, 6], [7, 7, 1, 0] + [9] * 8 + [7, 2, 3, 1],
                                 [1, 7] + [1] * 16 + [2, 0, 0, 3, 1, 1, 4, 5, 255, 2, 0, 0, 7], [0, 32] + [0] * 32 + [2, 1, 1])]
    return inputs, set()


def quoted(word):
    data = word.encode('latin-1') if isinstance(word, str) else word
    return '"' + ''.join(chr(c) if 32 <= c < 127 and chr(c) not in '"\\' else f'\\x{c:02x}' for c in data) + '"'


def write(name, corpus, dictionary):
    """Puts inputs into the folder corpus and words into the file dictionary; returns the words."""
    inputs, words = {'qmp': qmp, 'options': options, 'qtest': qtest, 'block': block, 'ioregion-wire': ioregion_wire}[name]()
    for number, data in enumerate(inputs):
        (corpus / f'seed-{number:03}').write_bytes(data.encode('latin-1') if isinstance(data, str) else data)
    dictionary.write_text(''.join(quoted(word) + '\n' for word in sorted(words)), encoding='ascii')
    return words
