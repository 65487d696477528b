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


def show(status):
    channels = status['ioregionfd']
    rows, homes, quiet = [], {}, 0
    for channel in channels:
        home = channel.get('home', 'another process')
        total = homes.setdefault(home, [0, 0, 0, 0])
        for region in channel['regions']:
            answered = region['reads'] + region['writes']
            total[0] += 1
            total[1] += answered
            total[2] += region['posted']
            total[3] += region['polled']
            if answered or region['posted']:
                rows.append([region['name'], channel['id'], region['engine'], channel['transport'], answered,
                             region['posted']])
            else:
                quiet += 1
    print('Regions that were used' + (f' ({quiet} others were not)' if quiet else ''))
    table(['region', 'channel', 'engine', 'transport', 'answered', 'posted'], rows)
    print('\nServed by each home')
    table(['home', 'regions', 'commands answered', 'while polled for', 'posted writes'],
          [[home, total[0], total[1], total[3], total[2]] for home, total in homes.items()])
    print('\nIOThreads: ' + ', '.join(f"{thread['id']} (thread {thread['thread-id']})" for thread in status['iothreads']))
    print('\nExits taken by vCPU threads')
    rows = []
    for line in status['exits'].splitlines():
        cpu, _, counts = line.partition(': ')
        rows += [[cpu, reason, int(count)] for reason, count in (word.split('=') for word in counts.split())]
    table(['vCPU', 'reason', 'exits'], rows)
