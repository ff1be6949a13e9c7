/** A bad wire: passes requests on to a node, and flips one bit of every image's data on the way back. */
import type { Test } from 'tap'
import { passingServer } from './passing-server.ts'

/** Listens until `t` ends; resolves with the URL that takes the place of `nodeUrl`. */
export function bitFlipper(t: Test, nodeUrl: string): Promise<string> {
  return passingServer(t, nodeUrl, {
    body: (path, answer) => (path.endsWith('/file') ? flipFirstBit(answer) : answer),
  })
}

async function* flipFirstBit(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let isFirst = true
  for await (const bytes of source) {
    if (isFirst && bytes[0] !== undefined) bytes[0] ^= 1
    isFirst = false
    yield bytes
  }
}
