import t from 'tap'
import { lookUpProcess, parseStat } from '../../../deploy/dev/process-table.ts'

/** As the kernel writes it, up to the start time. */
function statOf(state: string, threads: number): string {
  const before = Array.from({ length: 16 }, () => '1').join(' ')
  return `17 (no) (de) ${state} ${before} ${threads} 0 4711 0`
}

t.test('a process counts until its last thread is gone: it holds its locks as long', async (t) => {
  t.strictSame(parseStat(statOf('S', 12)), { startTicks: '4711', isStopped: false })
  t.strictSame(parseStat(statOf('T', 12)), { startTicks: '4711', isStopped: true })
  t.match(parseStat(statOf('Z', 3)), { startTicks: '4711' })
  t.equal(parseStat(statOf('Z', 1)), null)
  t.equal(parseStat(statOf('X', 1)), null)
})

t.test('this process is found, and no other has its place', async (t) => {
  t.match(await lookUpProcess(process.pid), { isStopped: false, startTicks: /^\d+$/ })
  t.equal(await lookUpProcess(2 ** 30), null)
})
