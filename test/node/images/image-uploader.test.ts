import t from 'tap'
import { createIdentity } from '../../../cluster/network/identity.ts'
import { ClusterError } from '../../../cluster/errors.ts'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import type { StoredImage } from '../../../node/data/upload-session.ts'
import { ImageError } from '../../../node/errors.ts'
import { wantedCopies, type CopiesPolicy } from '../../../node/images/copies-policy.ts'
import { ImageUploader } from '../../../node/images/image-uploader.ts'
import type { FormatRules } from '../../../node/inspect/image-format.ts'
import { deferred } from '../../helpers/deferred.ts'
import { DISK_BYTES, qcow2 } from '../../helpers/image-headers.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { admin, grantOf, ID, imageOf, LATER, owner, ROOT, stranger } from './image-fixture.ts'
import { MemoryRegisters } from './memory-registers.ts'
import { noBackends } from '../../helpers/memory-backends.ts'

const identity = createIdentity(systemRandom)
const stored: StoredImage = {
  root: ROOT,
  sizeBytes: 5,
  chunkSizeBytes: 1024,
  md5: 'm5',
  multihash: 's512',
  holders: [identity.id, 'b'],
  pinnedAt: [identity.id, 'b', 'c'],
}
async function* bodyOf(...pieces: Buffer[]) {
  yield* pieces
}
const body = bodyOf()
const COPIES: CopiesPolicy = {
  copies: 3,
  rules: [
    { by: 'project', value: 'project-9', copies: 5 },
    { by: 'visibility', value: 'private', copies: 2 },
  ],
}
const FORMATS: FormatRules = {
  requireImageFormatMatch: true,
  vmdkAllowedTypes: [],
  gptSafetyChecksNonfatal: [],
}
const request = { grant: grantOf(owner), id: ID, body, declaredSizeBytes: null, roomBytes: null }

function uploaderOf() {
  const registers = new MemoryRegisters()
  registers.put(imageOf())
  const clock = new ManualClock()
  const events: string[] = []
  const state = {
    write: (_body: AsyncIterable<Uint8Array>) => Promise.resolve(stored),
    events,
    uploadIds: [] as string[],
  }
  const writer = {
    write: ({ upload }: { upload: string }, body: AsyncIterable<Uint8Array>) => {
      state.uploadIds.push(upload)
      return state.write(body)
    },
    unpin: (_upload: string, nodes: readonly string[]) => {
      events.push(`unpin at ${nodes.length}`)
      return Promise.resolve()
    },
  }
  const holder = {
    noteHeld: (root: string) => {
      events.push(`held ${root}`)
      return Promise.resolve()
    },
  }
  const uploader = new ImageUploader(
    {
      identity,
      clock,
      random: systemRandom,
      log: silentLog,
      registers: registers.images,
      writer,
      holder,
      ...noBackends(),
    },
    { sizeBytesMax: 1000, copies: COPIES, formats: FORMATS, defaultStore: 'cluster' },
  )
  return { uploader, registers, clock, state, events, writer, holder }
}

const failing = (error: Error) => () => Promise.reject<StoredImage>(error)

t.test('an upload makes the image active, notes the copy and ends its claims', async (t) => {
  const { uploader, registers, events, state } = uploaderOf()
  await uploader.upload(request)
  t.match(registers.record(ID), {
    status: 'active',
    size: 5,
    checksum: 'm5',
    data: { root: ROOT, copies: 3 },
  })
  t.equal(registers.record(ID)?.data?.uploadId, state.uploadIds[0])
  await settled()
  t.strictSame(events, [`held ${ROOT}`, 'unpin at 3'])
})

t.test(
  'the answer waits neither for the mark nor for a node that hangs with its pins; stopping does',
  async (t) => {
    const { registers, uploader, writer, holder } = uploaderOf()
    const [marked, unpinned] = [deferred(), deferred()]
    holder.noteHeld = () => marked.promise
    writer.unpin = () => unpinned.promise
    await uploader.upload(request)
    t.equal(registers.record(ID)?.status, 'active')
    let isStopped = false
    const stopping = uploader.stop().then(() => (isStopped = true))
    await settled()
    t.notOk(isStopped)
    marked.resolve()
    await settled()
    t.notOk(isStopped)
    unpinned.resolve()
    await stopping
  },
)

t.test('how many copies: the property, else the first rule that fits, else the default', async (t) => {
  const cases = [
    [imageOf(), 3],
    [imageOf({ visibility: 'private' }), 2],
    [imageOf({ visibility: 'private', properties: { serac_replicas: 'all' } }), null],
    [imageOf({ properties: { serac_replicas: '1' } }), 1],
  ] as const
  for (const [image, copies] of cases) {
    const { uploader, registers, state } = uploaderOf()
    registers.put(image)
    state.write = () => {
      // Too late: it was fixed when the upload began.
      registers.put({ ...registers.record(ID)!, properties: { serac_replicas: '7' } })
      return Promise.resolve(stored)
    }
    await uploader.upload(request)
    t.equal(registers.record(ID)?.data?.copies, copies)
  }
  const foreign = imageOf({ visibility: 'private', owner: 'project-9' })
  t.equal(wantedCopies(foreign, COPIES), 5, 'the first rule counts')
})

t.test('while it runs, the record says who uploads', async (t) => {
  const { uploader, registers, state } = uploaderOf()
  let during = registers.record(ID)
  state.write = () => {
    during = registers.record(ID)
    return Promise.resolve(stored)
  }
  await uploader.upload(request)
  const upload = { uploadId: state.uploadIds[0], node: identity.id, startNonce: identity.startNonce }
  t.match(during, { status: 'saving', upload })
})

/** As the real writer: what the body throws ends it. */
async function readToEnd(body: AsyncIterable<Uint8Array>): Promise<StoredImage> {
  let sizeBytes = 0
  for await (const piece of body) sizeBytes += piece.length
  return { ...stored, sizeBytes }
}

t.test('the record tells the size of the disk inside', async (t) => {
  for (const [image, virtualSize] of [
    [imageOf(), DISK_BYTES],
    [imageOf({ diskFormat: 'raw' }), 512],
    [imageOf({ containerFormat: 'ovf' }), null],
  ] as const) {
    const { uploader, registers, state } = uploaderOf()
    registers.put(image)
    state.write = readToEnd
    await uploader.upload({ ...request, body: bodyOf(qcow2()) })
    t.match(registers.record(ID), { status: 'active', size: 512, virtualSize })
  }
})

t.test('data of another format gives the image back', async (t) => {
  const { uploader, registers, state, events } = uploaderOf()
  state.write = readToEnd
  const refused = uploader.upload({ ...request, body: bodyOf(Buffer.alloc(70_000)) })
  await t.rejects(refused, { code: 'UNSUPPORTED_MEDIA' })
  t.match(registers.record(ID), { status: 'queued', upload: null, data: null, virtualSize: null })
  t.strictSame(events, [])
  await uploader.upload({ ...request, body: bodyOf(qcow2()) })
  t.match(registers.record(ID), { status: 'active', virtualSize: DISK_BYTES })
})

t.test('a node that keeps no copy does not say that it has one', async (t) => {
  const { uploader, events, state } = uploaderOf()
  state.write = () => Promise.resolve({ ...stored, holders: ['b', 'c'] })
  await uploader.upload(request)
  t.strictSame(events, ['unpin at 3'])
})

t.test('a refused start reads no body', async (t) => {
  const { uploader, registers, state } = uploaderOf()
  await t.rejects(uploader.upload({ ...request, grant: grantOf(stranger) }), { code: 'NOT_FOUND' })
  t.equal(state.uploadIds.length, 0)
  t.strictSame(registers.calls, ['image.start-upload'])
})

t.test('a failed transfer gives the image back', async (t) => {
  const { uploader, registers, state, events } = uploaderOf()
  state.write = failing(new ClusterError('TOO_FEW_COPIES', 'one of two'))
  await t.rejects(uploader.upload(request), { code: 'TOO_FEW_COPIES' })
  t.match(registers.record(ID), { status: 'queued', upload: null, data: null })
  t.strictSame(events, [], 'the writer has unpinned by itself')
})

t.test('after a failure the same image can be uploaded', async (t) => {
  const { uploader, registers, state } = uploaderOf()
  state.write = failing(new Error('the client went away'))
  await t.rejects(uploader.upload(request))
  state.write = () => Promise.resolve(stored)
  await uploader.upload(request)
  t.equal(registers.record(ID)?.status, 'active')
  t.not(state.uploadIds[0], state.uploadIds[1], 'under a new upload id')
})

t.test('an image deleted under way is gone, and its claims end', async (t) => {
  const { uploader, registers, state, events } = uploaderOf()
  state.write = async () => {
    await registers.images.apply(ID, 'image.delete', { grant: grantOf(admin), now: LATER })
    return stored
  }
  await t.rejects(uploader.upload(request), { code: 'GONE' })
  t.equal(registers.record(ID)?.status, 'deleted')
  t.strictSame(events, ['unpin at 3'])
})

t.test('an image deleted under way is gone also when its chunks were missed before the end', async (t) => {
  const { uploader, registers, state } = uploaderOf()
  const failure = { current: new Error() }
  state.write = async () => {
    await registers.images.apply(ID, 'image.delete', { grant: grantOf(admin), now: LATER })
    throw failure.current
  }
  for (const [error, code] of [
    [new ClusterError('TOO_FEW_COPIES', 'a chunk is nowhere'), 'GONE'],
    [new ImageError('INVALID', 'another size than declared'), 'INVALID'],
  ] as const) {
    registers.put(imageOf())
    failure.current = error
    await t.rejects(uploader.upload(request), { code })
  }
})

t.test('an image taken over by another upload is gone for this one', async (t) => {
  const { uploader, registers, state } = uploaderOf()
  const other = { uploadId: 'ee'.repeat(16), node: 'b', startNonce: '2'.repeat(16) }
  state.write = () => {
    registers.put(imageOf({ status: 'saving', upload: other }))
    return Promise.resolve(stored)
  }
  await t.rejects(uploader.upload(request), { code: 'GONE' })
  t.match(registers.record(ID), { status: 'saving', upload: other })
})

t.test('an unknown outcome at the end keeps the claims: the image may be active', async (t) => {
  const { uploader, registers, events } = uploaderOf()
  registers.afterExecute = (name) => {
    if (name === 'image.finish-upload') throw new ClusterError('OUTCOME_UNKNOWN', '?')
  }
  await t.rejects(uploader.upload(request), { code: 'OUTCOME_UNKNOWN' })
  t.equal(registers.record(ID)?.status, 'active')
  t.strictSame(events, [])
  t.notOk(registers.calls.includes('image.abort-upload'))
})

t.test('an unknown outcome at the start gives the image back, should it have been taken', async (t) => {
  const { uploader, registers, state } = uploaderOf()
  registers.afterExecute = (name) => {
    if (name === 'image.start-upload') throw new ClusterError('OUTCOME_UNKNOWN', '?')
  }
  await t.rejects(uploader.upload(request), { code: 'OUTCOME_UNKNOWN' })
  t.equal(registers.record(ID)?.status, 'queued')
  t.equal(state.uploadIds.length, 0)
})

t.test('a majority that is away at the end: claims end, and the image is given back later', async (t) => {
  const { uploader, registers, state, events, clock } = uploaderOf()
  state.write = () => {
    registers.hasQuorum = false
    return Promise.resolve(stored)
  }
  await t.rejects(uploader.upload(request), { code: 'NO_QUORUM' })
  t.strictSame(events, ['unpin at 3'])
  t.equal(registers.record(ID)?.status, 'saving')
  t.ok(uploader.isRunning(state.uploadIds[0] ?? ''), 'it is still being given back')
  await clock.advance(2000)
  registers.hasQuorum = true
  await clock.advance(500)
  t.equal(registers.record(ID)?.status, 'queued')
  t.notOk(uploader.isRunning(state.uploadIds[0] ?? ''))
})

t.test('after a while it leaves the image to the reaper', async (t) => {
  const { uploader, registers, state, clock } = uploaderOf()
  state.write = () => {
    registers.hasQuorum = false
    return Promise.reject(new Error('everything is down'))
  }
  await t.rejects(uploader.upload(request))
  await clock.advance(60_000)
  t.equal(clock.pending, 0)
  t.notOk(uploader.isRunning(state.uploadIds[0] ?? ''))
  t.equal(registers.record(ID)?.status, 'saving')
})

t.test('an upload that ended well stays so when its claims cannot be ended', async (t) => {
  const registers = new MemoryRegisters()
  registers.put(imageOf())
  const broken = () => Promise.reject(new Error('the disk is full'))
  const uploader = new ImageUploader(
    {
      ...{
        identity,
        clock: new ManualClock(),
        random: systemRandom,
        log: silentLog,
        registers: registers.images,
      },
      writer: { write: () => Promise.resolve(stored), unpin: broken },
      holder: { noteHeld: broken },
      ...noBackends(),
    },
    { sizeBytesMax: 1000, copies: COPIES, formats: FORMATS, defaultStore: 'cluster' },
  )
  await uploader.upload(request)
  t.equal(registers.record(ID)?.status, 'active')
})

t.test('stopping aborts what runs and waits until the image was given back', async (t) => {
  const registers = new MemoryRegisters()
  registers.put(imageOf())
  const begun = deferred()
  const uploader = new ImageUploader(
    {
      ...{
        identity,
        clock: new ManualClock(),
        random: systemRandom,
        log: silentLog,
        registers: registers.images,
      },
      writer: {
        write: ({ signal }) =>
          new Promise((_, reject) => {
            begun.resolve()
            signal.addEventListener('abort', () => reject(signal.reason as Error))
          }),
        unpin: () => Promise.resolve(),
      },
      holder: { noteHeld: () => Promise.resolve() },
      ...noBackends(),
    },
    { sizeBytesMax: 1000, copies: COPIES, formats: FORMATS, defaultStore: 'cluster' },
  )
  const running = uploader.upload(request).catch((error: unknown) => error)
  await begun.promise
  await uploader.stop()
  t.equal(registers.record(ID)?.status, 'queued')
  t.ok((await running) instanceof ImageError)
  t.match(await running, { code: 'UNAVAILABLE' })
})

t.test('stopping does not wait for a majority that stays away', async (t) => {
  const { uploader, registers, state, clock } = uploaderOf()
  state.write = () => {
    registers.hasQuorum = false
    return Promise.reject(new Error('everything is down'))
  }
  await t.rejects(uploader.upload(request))
  await uploader.stop()
  await settled()
  t.equal(clock.pending, 0)
})
