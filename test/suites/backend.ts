/** What every back end must do: run against each driver, with stand-ins and with the real thing. */
import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import type { Backend } from '../../node/backends/backend.ts'

export interface BackendWorld {
  backend: Backend
  /** Bytes above which the driver sends more than one part. */
  partBytes: number
}

let names = 0

export function freshName(): string {
  return `00000000-0000-4000-8000-${String(process.pid).padStart(12, '0')}-${names++}`
}

export async function* piecesOf(bytes: Buffer, pieceBytes = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

const never = () => new AbortController().signal

export async function read(backend: Backend, name: string, start: number, end: number): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of backend.open(name, { start, end }, never())) pieces.push(piece)
  return Buffer.concat(pieces)
}

export function backendSuite(t: Test, title: string, open: (t: Test) => Promise<BackendWorld>): void {
  const put = (backend: Backend, name: string, bytes: Buffer, sizeBytes: number | null, piece?: number) =>
    backend.put(name, piecesOf(bytes, piece), { sizeBytes, signal: never() })

  void t.test(`${title}: what is put is there, whole and in parts`, async (t) => {
    const { backend, partBytes } = await open(t)
    const piece = Math.max(700, Math.ceil(partBytes / 8))
    for (const sizeBytes of [0, null]) {
      const name = freshName()
      t.equal(await put(backend, name, Buffer.alloc(0), sizeBytes), 0)
      await backend.delete(name, never())
    }
    for (const length of [1, partBytes - 1, partBytes, partBytes + 1, 3 * partBytes + 17])
      for (const isKnown of [true, false]) {
        const name = freshName()
        const bytes = randomBytes(length)
        t.equal(await put(backend, name, bytes, isKnown ? length : null, piece), length)
        t.ok((await read(backend, name, 0, length - 1)).equals(bytes), `${length} bytes`)
        const [start, end] = [Math.floor(length / 3), Math.floor((2 * length) / 3)]
        t.ok((await read(backend, name, start, end)).equals(bytes.subarray(start, end + 1)), 'a part')
        await backend.delete(name, never())
        await t.rejects(read(backend, name, 0, 0), { code: 'BACKEND_NOT_FOUND' })
      }
  })

  void t.test(`${title}: what is not there can be deleted, and read by nobody`, async (t) => {
    const { backend } = await open(t)
    const name = freshName()
    await backend.delete(name, never())
    await t.rejects(read(backend, name, 0, 9), { code: 'BACKEND_NOT_FOUND' })
  })

  void t.test(`${title}: a body that breaks off leaves nothing, and ends as its own error`, async (t) => {
    const { backend, partBytes } = await open(t)
    for (const length of [10, 2 * partBytes + 10]) {
      const name = freshName()
      const broken = async function* () {
        yield* piecesOf(randomBytes(length))
        throw new Error('the client is gone')
      }
      const request = { sizeBytes: null, signal: never() }
      await t.rejects(backend.put(name, broken(), request), { message: 'the client is gone' })
      await t.rejects(read(backend, name, 0, 0), { code: 'BACKEND_NOT_FOUND' })
    }
  })

  void t.test(`${title}: whoever has enough stops reading`, async (t) => {
    const { backend, partBytes } = await open(t)
    const name = freshName()
    await put(backend, name, randomBytes(partBytes), null)
    let came = 0
    for await (const piece of backend.open(name, { start: 0, end: partBytes - 1 }, never())) {
      came += piece.length
      break
    }
    t.ok(came > 0)
    t.equal((await read(backend, name, 0, partBytes - 1)).length, partBytes, 'and may begin again')
    await backend.delete(name, never())
  })

  void t.test(`${title}: locations hold the name and tell no more`, async (t) => {
    const { backend } = await open(t)
    t.match(backend.urlOf('a-name'), /^\w[\w+]*:\/\/.*\/a-name(?![\w.-])/)
    t.equal(backend.nameOf(backend.urlOf('a-name')), 'a-name')
    t.notMatch(backend.urlOf('a-name') + JSON.stringify(backend.properties), /secret|testing/)
  })
}
