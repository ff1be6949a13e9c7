/** What the killed process writes, made again from its numbers by the test that looks for it. */
import type { AcceptorState } from '../../../cluster/register/storage.ts'
import { accepted } from '../../suites/register-storage.ts'

const CHUNK_BYTES = 50_000

export function stateOf(counter: number): AcceptorState {
  return accepted(counter, `value ${counter}`)
}

export function chunkOf(writer: number, counter: number): Buffer {
  const seed = Buffer.from(`chunk ${writer} ${counter} `)
  return Buffer.alloc(CHUNK_BYTES, seed)
}
