import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import t from 'tap'
import { notePieceCopied } from '../../cluster/young-garbage.ts'

const MIB = 1024 ** 2

t.test('copied pieces are looked for after every 4 MiB, and only among what is young', async (t) => {
  const kinds: (number | undefined)[] = []
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      kinds.push((entry as PerformanceEntry & { detail: { kind?: number } }).detail.kind)
  })
  observer.observe({ entryTypes: ['gc'] })
  t.teardown(() => observer.disconnect())
  for (let piece = 0; piece < 12 * 16; piece++) notePieceCopied(MIB / 16)
  await new Promise((resolve) => setTimeout(resolve, 50))
  const minor = kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MINOR)
  t.ok(minor.length >= 3, `${minor.length} looks`)
  t.notOk(kinds.includes(constants.NODE_PERFORMANCE_GC_MAJOR))
})

t.test('nothing else in the process is shown the collector', (t) => {
  t.equal('gc' in globalThis, false)
  t.end()
})
