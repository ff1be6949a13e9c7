/** API v1 over the real image service on registers in memory; bytes are kept in memory as well. */
import { createHash } from 'node:crypto'
import type { Test } from 'tap'
import { callerWith } from '../../api/auth/caller.ts'
import type { ApiComponents } from '../../api/api-components.ts'
import { createIdentity } from '../../cluster/network/identity.ts'
import { silentLog, systemClock as clock, systemRandom as random } from '../../cluster/runtime.ts'
import type { KeptImage } from '../../node/data/open-image.ts'
import type { ImageWriter, StoredImage } from '../../node/data/image-writer.ts'
import { ImageError } from '../../node/errors.ts'
import { ChangedImages } from '../../node/images/changed-images.ts'
import type { ImageRecord } from '../../node/images/image-record.ts'
import { ImageService } from '../../node/images/image-service.ts'
import { ImageUploader } from '../../node/images/image-uploader.ts'
import { V1Filler } from '../../node/images/v1-filler.ts'
import { V1Images } from '../../node/images/v1-images.ts'
import { MemoryRegisters } from '../node/images/memory-registers.ts'
import { testApi } from './api-server.ts'
import { defaultPolicy } from './default-policy.ts'
import type { Place } from '../../node/data/outside-bytes.ts'
import { ImageOpener } from '../../node/images/image-opener.ts'
import { StoreList } from '../../node/images/store-list.ts'
import { noBackends } from './memory-backends.ts'
import { toldLocationTask } from './told-location-task.ts'

export const SIZE_MAX = 1000
/** The process ends no sooner after a download: an injected response forgets its timer. */
const PAUSE_MS = 1000
const QUOTAS = { properties: 3, tags: 3, locations: 1 }

/** Who asks is said by X-Project and X-Role-List. */
const authenticator: ApiComponents['authenticator'] = {
  authenticate: async (headers) => {
    const roles = String(headers['x-role-list'] ?? 'member,reader').split(',')
    const projectId = headers['x-project'] === undefined ? 'p1' : String(headers['x-project'])
    return callerWith('req-test', { projectId, roles })
  },
  catalog: () => Promise.resolve([]),
}

/** Whatever is written, under the sha512 of it. */
class MemoryBytes {
  readonly #written = new Map<string, Buffer>()
  /** URLs and what is there. */
  readonly outside = new Map<string, Buffer>()
  /** Called before each write ends. */
  beforeEnd: () => Promise<void> = async () => {}

  readonly write: ImageWriter['write'] = async ({ sizeBytesMax, declaredSizeBytes }, body) => {
    const pieces: Uint8Array[] = []
    for await (const piece of body) pieces.push(Uint8Array.from(piece))
    const bytes = Buffer.concat(pieces)
    if (bytes.length > sizeBytesMax) throw new ImageError('TOO_LARGE', 'the image is too large')
    if (declaredSizeBytes !== null && declaredSizeBytes !== bytes.length)
      throw new ImageError('INVALID', 'the data has another size than declared')
    await this.beforeEnd()
    const root = createHash('sha256').update(bytes).digest('hex')
    this.#written.set(root, bytes)
    const digest = (name: string) => createHash(name).update(bytes).digest('hex')
    const stored = { root, sizeBytes: bytes.length, chunkSizeBytes: 4096, holders: [], pinnedAt: [] }
    return { ...stored, md5: digest('md5'), multihash: digest('sha512') } satisfies StoredImage
  }

  open(root: string): KeptImage {
    return imageOf(this.#written.get(root)!)
  }

  sizeOf(url: string): number {
    const bytes = this.outside.get(url)
    if (bytes) return bytes.length
    throw new ImageError('INVALID', 'Invalid location')
  }
}

function imageOf(bytes: Buffer): KeptImage {
  return {
    readFrom: (other, ...range) => other.read(...range),
    sizeBytes: bytes.length,
    read: async function* (start, end) {
      yield { bytes: bytes.subarray(start, end + 1), release: () => {} }
    },
  }
}

export function v1Api(t: Test, more: Partial<ApiComponents> = {}) {
  const registers = new MemoryRegisters()
  const bytes = new MemoryBytes()
  const identity = createIdentity(random)
  const { images, index } = registers
  const base = { identity, clock, random, log: silentLog, registers: images, index, policy: defaultPolicy }
  const uploader = new ImageUploader(
    {
      ...base,
      writer: { write: bytes.write, unpin: async () => {} },
      holder: { noteHeld: async () => {} },
      ...noBackends(),
    },
    {
      sizeBytesMax: SIZE_MAX,
      copies: { copies: null, rules: [] },
      formats: { isMatchRequired: false } as never,
      defaultStore: 'cluster',
    },
  )
  const outside = {
    sizeOf: async (url: string) => bytes.sizeOf(url),
    open: ({ places }: { places: readonly Place[] }) => imageOf(bytes.outside.get(places[0]?.url ?? '')!),
  }
  const service = new ImageService(
    {
      ...base,
      limits: null,
      uploader,
      opener: new ImageOpener({
        log: silentLog,
        reader: { open: async ({ root }) => bytes.open(root) },
        outside,
        stores: new StoreList({ clusterId: 'cluster', isHttpOn: true }),
        holdsWhole: () => true,
        current: async () => null,
      }),
      ...noBackends(),
      outside,
      hasher: { begin: () => {} },
      locationTasks: { create: async () => toldLocationTask() },
    },
    {
      quotas: QUOTAS,
      memberQuota: 2,
      staleLists: false,
      storageQuotaBytes: 0,
      delayedDelete: false,
      locations: {
        showMultipleLocations: false,
        showImageDirectUrl: false,
        isHttpOn: true,
        doSecureHash: false,
        quota: 1,
      },
    },
  )
  const filler = new V1Filler(
    { ...base, images: service, outside, projectQuotas: { storageRoom: async () => null } },
    { sizeBytesMax: SIZE_MAX, isHttpOn: true, locationQuota: 1 },
  )
  const changed = new ChangedImages({
    monotonicMs: () => clock.monotonicMs(),
    live: () => index.rows(),
    deleted: () => tombstones(registers),
  })
  const v1 = new V1Images({ ...base, images: service, changed, filler }, { quotas: QUOTAS, memberQuota: 2 })
  const components = { images: service, v1, authenticator, ...more }
  const { app } = testApi(t, { components, options: { clientPauseMs: PAUSE_MS } })
  return { app, registers, bytes }
}

function tombstones({ rows, images }: MemoryRegisters): ImageRecord[] {
  return [...rows.keys()]
    .map((key) => images.local(key.replace('image/', '')))
    .flatMap((known) => (known && !known.live ? [known.record] : []))
}
