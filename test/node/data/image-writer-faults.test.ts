import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { deferred } from '../../helpers/deferred.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { dataNodeOf, patternOf, piecesOf, requestOf, UPLOAD } from './data-fixture.ts'

const CHUNK = 64 * 1024
const nodes = ['a', 'b', 'c']
const first = dataNodeOf(nodes, { chunkSizeBytes: CHUNK })
t.teardown(() => first.hashes.stop())
const node = () => dataNodeOf(nodes, { chunkSizeBytes: CHUNK, hashes: first.hashes })

type DataNode = ReturnType<typeof node>

function nothingLeft(
  t: Pick<typeof import('tap').t, 'equal' | 'ok'>,
  { bulk, uploads, pool }: DataNode,
): void {
  for (const id of nodes) t.equal(bulk.at(id).pins.size, 0, `pins on ${id}`)
  t.equal(uploads.slotsInUse + pool.slotsInUse, 0, 'slots in use')
}

for (const state of ['dead', 'hung'] as const) {
  t.test(`a peer that is ${state} in mid-upload is replaced`, async (t) => {
    const data = node()
    const bytes = patternOf(30 * CHUNK)
    async function* body() {
      for await (const piece of piecesOf(bytes, CHUNK)) {
        if (data.bulk.at('b').chunks.size >= 2) data.bulk.states.set('b', state)
        yield piece
      }
    }
    const stored = await data.writer.write(requestOf(), body())
    t.strictSame(stored.holders, ['a', 'c'])
    t.equal(data.bulk.at('c').chunks.size, 31, 'the whole image and its manifest')
    t.strictSame([...stored.pinnedAt].sort(), nodes)
    t.equal(data.uploads.slotsInUse, 0)
  })
}

t.test(
  'the own disk hangs in mid-upload: it is replaced, and what hangs keeps its slots, not the upload',
  async (t) => {
    const data = node()
    const bytes = patternOf(30 * CHUNK)
    const hanging = deferred()
    let hung = 0
    data.local.beforePut = () => {
      if (data.local.chunks.size < 2) return
      hung++
      // As soon as nothing else can begin.
      void settled().then(() => data.disk.hangInWriting())
      return hanging.promise
    }
    const stored = await data.writer.write(requestOf(), piecesOf(bytes, CHUNK))
    t.strictSame(stored.holders.toSorted(), ['b', 'c'])
    for (const id of ['b', 'c'])
      t.equal(data.bulk.at(id).chunks.size, 31, `the whole image and its manifest on ${id}`)
    t.ok(hung > 0)
    t.equal(data.uploads.slotsInUse, hung)
    await data.writer.unpin(UPLOAD, stored.pinnedAt)
    hanging.resolve()
    await settled()
    t.equal(data.uploads.slotsInUse, 0)
  },
)

t.test('a lone node whose disk hangs says so', async (t) => {
  const data = dataNodeOf(['a'], { chunkSizeBytes: CHUNK, hashes: first.hashes })
  data.local.beforePut = () => {
    data.disk.hangInWriting()
    return new Promise(() => {})
  }
  await t.rejects(data.writer.write(requestOf(), piecesOf(patternOf(30 * CHUNK), CHUNK)), {
    code: 'TOO_FEW_COPIES',
    cause: { code: 'STORE_NOT_WRITABLE' },
  })
})

t.test('a source that fails leaves nothing pinned', async (t) => {
  const data = node()
  async function* body() {
    yield* piecesOf(patternOf(5 * CHUNK + 3))
    throw new Error('the socket broke')
  }
  await t.rejects(data.writer.write(requestOf(), body()), { message: 'the socket broke' })
  nothingLeft(t, data)
})

t.test('an abort ends the wait for a silent client', async (t) => {
  const data = node()
  const abort = new AbortController()
  let returned = false
  const body: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]() {
      const pieces = piecesOf(patternOf(2 * CHUNK), CHUNK)
      return {
        async next() {
          const piece = await pieces.next()
          if (!piece.done) return piece
          abort.abort(new Error('the client left'))
          return new Promise(() => {})
        },
        return() {
          returned = true
          return Promise.resolve({ done: true, value: undefined })
        },
      }
    },
  }
  const { signal } = abort
  await t.rejects(data.writer.write(requestOf({ signal }), body), { message: 'the client left' })
  t.ok(returned, 'the source was told')
  nothingLeft(t, data)
})

t.test('too few nodes: the upload fails, and reads no further than its ring', async (t) => {
  const data = node()
  data.bulk.states.set('b', 'dead')
  data.bulk.states.set('c', 'dead')
  let pieces = 0
  async function* body() {
    for await (const piece of piecesOf(patternOf(100 * CHUNK), CHUNK)) {
      pieces++
      yield piece
    }
  }
  await t.rejects(data.writer.write(requestOf(), body()), { code: 'TOO_FEW_COPIES' })
  t.ok(pieces < 50, `read ${pieces} pieces`)
  data.bulk.states.clear()
  nothingLeft(t, data)
})

t.test('full stores are TOO_LARGE to the caller', async (t) => {
  const data = node()
  for (const id of nodes) {
    data.bulk.at(id).beforePut = () => {
      throw new ClusterError('STORE_FULL', 'full')
    }
  }
  await t.rejects(data.writer.write(requestOf(), piecesOf(patternOf(CHUNK))), { code: 'TOO_LARGE' })
  nothingLeft(t, data)
})

t.test('more than the cap, or another size than declared', async (t) => {
  const data = node()
  const bytes = patternOf(2 * CHUNK)
  const over = requestOf({ sizeBytesMax: 2 * CHUNK - 1 })
  await t.rejects(data.writer.write(over, piecesOf(bytes)), { code: 'TOO_LARGE' })
  const declaredOver = requestOf({ sizeBytesMax: CHUNK, declaredSizeBytes: CHUNK + 1 })
  await t.rejects(data.writer.write(declaredOver, piecesOf(bytes)), { code: 'TOO_LARGE' })
  for (const declaredSizeBytes of [0, 1, bytes.length - 1, bytes.length + 1]) {
    await t.rejects(data.writer.write(requestOf({ declaredSizeBytes }), piecesOf(bytes)), { code: 'INVALID' })
  }
  nothingLeft(t, data)
  const stored = await data.writer.write(requestOf({ declaredSizeBytes: bytes.length }), piecesOf(bytes))
  t.equal(stored.sizeBytes, bytes.length, 'a repeated upload works')
})

t.test('a slow store holds the source back', async (t) => {
  const data = node()
  let letGo: () => void = () => {}
  const gate = new Promise<void>((resolve) => (letGo = resolve))
  data.local.beforePut = () => gate
  let read = 0
  async function* body() {
    for await (const piece of piecesOf(patternOf(40 * CHUNK), CHUNK)) {
      read++
      yield piece
      if (data.uploads.slotsInUse === 6) setImmediate(letGo)
      t.ok(data.uploads.slotsInUse <= 6, 'the ring is the bound')
    }
  }
  const stored = await data.writer.write(requestOf(), body())
  t.equal(read, 40)
  t.strictSame(stored.holders, ['a', 'b'])
  await data.writer.unpin(UPLOAD, stored.pinnedAt)
  nothingLeft(t, data)
})
