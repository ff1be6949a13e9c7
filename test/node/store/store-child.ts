/**
 * A process that has a store open. `hold`: says so and waits. `write`: votes and puts chunks as fast as it can and
 * prints a line for each that was acknowledged, until it is killed.
 */
import { writeSync } from 'node:fs'
import { chunkOf, stateOf } from './acknowledged.ts'
import { openStore, putBytes } from './store-fixture.ts'

const WRITERS = 4
const [, , directory = '', task] = process.argv
const store = await openStore(directory, { segmentBytesMax: 16 * 1024 * 1024 })

/** Synchronous: what was printed was printed before the process could be killed. */
function say(line: string): void {
  writeSync(1, `${line}\n`)
}

async function vote(writer: number): Promise<void> {
  for (let counter = 1; ; counter++) {
    await store.registers.vote(`image/${writer}`, stateOf(counter), true)
    say(`vote ${writer} ${counter} ${store.registers.identity().voteSequence}`)
  }
}

async function put(writer: number): Promise<void> {
  for (let counter = 1; ; counter++) {
    await putBytes(store, chunkOf(writer, counter))
    say(`chunk ${writer} ${counter} 0`)
  }
}

if (task === 'hold') {
  say('open')
  setInterval(() => {}, 1 << 30)
} else {
  const writers = Array.from({ length: WRITERS }, (_, i) => i)
  await Promise.all([...writers.map(vote), ...writers.map(put)])
}
