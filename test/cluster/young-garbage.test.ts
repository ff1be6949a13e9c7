import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import t from 'tap'
import { notePieceCopied } from '../../cluster/young-garbage.ts'

const MIB = 1024 ** 2

t.test('copied pieces are looked for among what is young, after every 4 MiB', async (t) => {
  const looks: PerformanceEntry[] = []
  const observer = new PerformanceObserver((list) => {
    looks.push(...list.getEntries().filter(isMinor))
  })
  observer.observe({ entryTypes: ['gc'] })
  t.teardown(() => observer.disconnect())
  for (let piece = 0; piece < 12 * 16; piece++) notePieceCopied(MIB / 16)
  while (looks.length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  t.pass()
})

function isMinor(entry: PerformanceEntry): boolean {
  const { detail } = entry as PerformanceEntry & { detail: { kind?: number } }
  return detail.kind === constants.NODE_PERFORMANCE_GC_MINOR
}

t.test('nothing else in the process is shown the collector', (t) => {
  t.equal('gc' in globalThis, false)
  t.end()
})
