/** The lines of a dump: a line ends with a line feed and nothing else, since other separators may stand in texts. */
import { createReadStream } from 'node:fs'

/** Throws an Error for what is not UTF-8. */
export async function* linesOf(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  const decode = (bytes?: Uint8Array) => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode()
    } catch {
      throw new Error(`${path} is not UTF-8: make the dump with --default-character-set=utf8mb4.`)
    }
  }
  let pending: string[] = []
  for await (const piece of createReadStream(path) as AsyncIterable<Uint8Array>) {
    const [first = '', ...rest] = decode(piece).split('\n')
    pending.push(first)
    for (const line of rest) {
      yield withoutReturn(pending.join(''))
      pending = [line]
    }
  }
  pending.push(decode())
  const last = pending.join('')
  if (last !== '') yield withoutReturn(last)
}

/** Some machines write one before each line feed; within texts it is written as `\\r`. */
function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line
}
