import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { WriteRecovery, type RecoverablePart } from '../../../node/store/write-recovery.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { until } from '../../helpers/until.ts'

class Part implements RecoverablePart {
  readonly directory: string
  why: Error | null = new Error('Input/output error')
  /** Tries that do not succeed. */
  bad = 0
  tries = 0

  constructor(directory: string) {
    this.directory = directory
  }

  failure = () => this.why

  recover = () => {
    this.tries++
    if (this.bad-- > 0) return Promise.reject(new Error('Read-only file system'))
    this.why = null
    return Promise.resolve()
  }
}

function recoveryOf(t: Test, parts: Part[], roomBytesMin = 0) {
  const clock = new ManualClock()
  const ballastPath = join(t.testdirName, 'ballast')
  const recovery = new WriteRecovery({ clock, log: silentLog, parts, ballastPath, roomBytesMin })
  return { clock, recovery, ballastPath }
}

t.test('what has failed is tried again until it succeeds; the rest is left alone', async (t) => {
  const [failing, whole] = [new Part(t.testdir()), new Part(t.testdirName)]
  whole.why = null
  failing.bad = 2
  const { clock, recovery } = recoveryOf(t, [failing, whole])
  recovery.begin()
  recovery.begin()
  for (let tries = 1; tries <= 3; tries++) {
    await clock.advance(10_000)
    await until(() => failing.tries === tries)
    if (tries < 3) await until(() => recovery.lastError !== null)
    if (tries < 3) t.match(recovery.lastError, { message: /Read-only/ })
  }
  await until(() => recovery.lastError === null)
  t.equal(failing.why, null)
  t.equal(whole.tries, 0)
  t.same(await readdir(t.testdirName), [], 'nothing is left of the trial write')

  failing.why = new Error('once more')
  recovery.begin()
  await clock.advance(1)
  await until(() => failing.tries === 4)
  await recovery.stop()
})

t.test('what can still be read is not closed while the disk takes no write', async (t) => {
  const directory = t.testdir()
  const part = new Part(join(directory, 'gone'))
  const { clock, recovery } = recoveryOf(t, [part])
  recovery.begin()
  await clock.advance(1)
  await until(() => recovery.lastError !== null)
  t.equal(part.tries, 0)
  await mkdir(part.directory)
  await clock.advance(10_000)
  await until(() => part.tries === 1)
  await recovery.stop()
})

t.test('without room the ballast is given up, and then nothing is touched', async (t) => {
  const part = new Part(t.testdir())
  const { clock, recovery, ballastPath } = recoveryOf(t, [part], Number.MAX_SAFE_INTEGER)
  await writeFile(ballastPath, 'heavy')
  recovery.begin()
  await clock.advance(1)
  await until(() => recovery.lastError !== null)
  t.match(recovery.lastError, { message: /is full/ })
  t.equal(part.tries, 0)
  await t.rejects(stat(ballastPath), { code: 'ENOENT' })
  await recovery.stop()
})
