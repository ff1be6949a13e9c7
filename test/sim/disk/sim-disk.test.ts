/** The simulated disk keeps its promises, and no more than that. */
import t from 'tap'
import { SeededRandom } from '../world/seeded-random.ts'
import { SimDisk, type CrashKind } from './sim-disk.ts'

const put = (name: string, value = name) =>
  ({ type: 'put', key: Buffer.from(name), value: Buffer.from(value) }) as const

/** Crashes many disks that were written alike; gives what each held afterwards. */
function afterCrashes(how: CrashKind, write: (disk: SimDisk) => void): string[] {
  return Array.from({ length: 200 }, (_, seed) => {
    const disk = new SimDisk(new SeededRandom(seed))
    write(disk)
    disk.crash(how)
    return disk.names().join('')
  })
}

t.test('what was synced survives a power cut, with all that is in its log', (t) => {
  const held = afterCrashes('power', (disk) => {
    disk.commit([put('a')], true)
    disk.commit([put('b')], false)
    disk.commit([put('c')], true)
    disk.commit([put('d')], false)
  })
  t.ok(held.every((names) => names.includes('a') && names.includes('c')))
  t.ok(held.some((names) => names.includes('d')) && held.some((names) => !names.includes('d')))
  t.ok(
    held.some((names) => !names.includes('b')),
    'an older log may lose its end',
  )
  t.end()
})

t.test('of what was not synced a part without gaps survives', (t) => {
  const held = afterCrashes('power', (disk) => {
    disk.commit([put('x')], true)
    for (const name of ['a', 'b']) disk.commit([put(name)], false)
  })
  t.ok(held.includes('x') && held.includes('ax') && held.includes('abx'))
  t.end()
})

t.test('the end of the process takes nothing but what is under way', (t) => {
  const held = afterCrashes('process', (disk) => {
    disk.commit([put('a')], false)
    disk.begin([put('b'), put('c')])
  })
  t.strictSame(new Set(held), new Set(['a', 'abc']), 'a batch is there as a whole or not at all')
  t.end()
})

t.test('what is written after a failed write is gone at the next start', (t) => {
  const disk = new SimDisk(new SeededRandom(1))
  disk.commit([put('a')], true)
  disk.fail([])
  disk.writeWorthless([put('b')])
  t.ok(disk.read(Buffer.from('b')))
  disk.crash('process')
  t.strictSame(disk.names(), ['a'])
  t.end()
})

t.test('damage and replacement outlast a crash', (t) => {
  const disk = new SimDisk(new SeededRandom(1))
  disk.commit([put('a'), put('b')], true)
  const before = disk.snapshot()
  disk.damage('a', () => Buffer.from('changed'))
  disk.damage('b', () => null)
  disk.crash('power')
  t.strictSame(disk.names(), ['a'])
  t.equal(String(disk.row('a')), 'changed')
  disk.replace(before)
  t.strictSame(disk.names(), ['a', 'b'])
  t.end()
})
