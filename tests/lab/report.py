# SPDX-License-Identifier: GPL-2.0-or-later
"""The table at the end of the demo: who served what, as the emulator itself tells by QMP."""


def collect(qmp):
    """What the table needs, while the emulator still runs."""
    return {'version': qmp.execute('query-version'),
            'ioregionfd': qmp.execute('query-ioregionfd'),
            'iothreads': qmp.execute('query-iothreads'),
            'exits': qmp.execute('human-monitor-command', command_line='info exits')}


def table(head, rows):
    """Prints rows in columns; numbers to the right."""
    cells = [[str(cell) if not isinstance(cell, int) else f'{cell:,}' for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in [head] + cells) for n in range(len(head))]
    for row, source in [(head, None)] + list(zip(cells, rows)):
        print('  ' + '  '.join(
            cell.rjust(width) if source is None and n > 0 and all(isinstance(line[n], int) for line in rows) or
            source is not None and isinstance(source[n], int) else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths))).rstrip())


def regions_of(answer):
    """The regions in an answer to query-ioregionfd."""
    return answer['regions'] if isinstance(answer, dict) else answer


def show(status):
    regions = regions_of(status['ioregionfd'])
    print('Regions served through ioregionfd')
    table(['region', 'home', 'engine', 'transport', 'answered', 'posted'],
          [[region.get('name', '?'), region.get('home', '?'), region.get('engine', '?'), region.get('transport', '?'),
            region.get('reads', 0) + region.get('writes', 0), region.get('posted', 0)] for region in regions])
    print('\nServed by each IOThread')
    homes = {}
    for region in regions:
        total = homes.setdefault(region.get('home', '?'), [0, 0, 0])
        total[0] += 1
        total[1] += region.get('reads', 0) + region.get('writes', 0)
        total[2] += region.get('posted', 0)
    table(['home', 'regions', 'answered commands', 'posted writes'], [[home, *total] for home, total in homes.items()])
    print('\nExits taken by vCPU threads')
    rows = []
    for line in status['exits'].splitlines():
        cpu, _, counts = line.partition(': ')
        rows += [[cpu, reason, int(count)] for reason, count in (word.split('=') for word in counts.split())]
    table(['vCPU', 'reason', 'exits'], rows)
