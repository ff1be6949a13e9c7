import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import t from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { testProgram } from '../../helpers/test-program.ts'
import { chunkOf } from './acknowledged.ts'
import { openStore, readBytes } from './store-fixture.ts'

const CHILD = testProgram(import.meta.dirname, 'store-child')
/** The process is killed after so many acknowledgements, each time at another point of its batches. */
const KILL_AFTER = [40, 171, 333]

interface Acknowledged {
  kind: string
  writer: number
  counter: number
  voteSequence: number
}

async function writeUntilKilled(directory: string, acknowledgements: number): Promise<Acknowledged[]> {
  const child = spawn(process.execPath, [...CHILD, directory, 'write'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines: Acknowledged[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const [kind = '', writer, counter, voteSequence] = line.split(' ')
    lines.push({ kind, writer: Number(writer), counter: Number(counter), voteSequence: Number(voteSequence) })
    if (lines.length === acknowledgements) child.kill('SIGKILL')
  }
  await exited
  return lines
}

void t.test('whatever was acknowledged before a kill is there afterwards', async (t) => {
  const directory = t.testdir()
  const seen: Acknowledged[] = []
  for (const acknowledgements of KILL_AFTER) {
    const lines = await writeUntilKilled(directory, acknowledgements)
    t.ok(lines.length >= acknowledgements)
    seen.push(...lines)
    const store = await openStore(directory)
    t.equal(store.registers.isIntact, true)
    t.match(store.chunks.findings, { lostChunks: 0, lostSegments: 0 })
    for (const { kind, writer, counter } of seen.filter((line) => line.kind === 'chunk')) {
      const bytes = chunkOf(writer, counter)
      if (!(await readBytes(store, contentHashHex(bytes))).equals(bytes))
        t.fail(`${kind} ${writer} ${counter}`)
    }
    const { voteSequence } = store.registers.identity()
    for (const line of lines.filter(({ kind }) => kind === 'vote')) {
      const state = store.registers.acceptorState(`image/${line.writer}`)
      if ((state?.accepted?.ballot.counter ?? 0) < line.counter) t.fail(`vote ${line.writer} ${line.counter}`)
      if (voteSequence < line.voteSequence) t.fail(`sequence ${voteSequence} is below ${line.voteSequence}`)
    }
    t.equal(
      store.registers.changesSince(null, 0).head,
      logLengthAtLeast(store.registers.changesSince(null, 100_000).entries),
    )
    await store.close()
  }
})

function logLengthAtLeast(entries: readonly { sequence: number }[]): number {
  return entries.at(-1)?.sequence ?? 0
}
