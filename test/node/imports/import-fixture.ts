/** One node's imports over registers in memory, with whatever server and whatever faults a test wants. */
import { join } from 'node:path'
import type { Test } from 'tap'
import { createIdentity } from '../../../cluster/network/identity.ts'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import { IMPORT_METHODS, type ImportMethod } from '../../../node/config/import-options.ts'
import type { KeptImage } from '../../../node/data/open-image.ts'
import type { StoredImage } from '../../../node/data/upload-session.ts'
import { ImageError } from '../../../node/errors.ts'
import { DISK_FORMATS, type ImageRecord } from '../../../node/images/image-record.ts'
import { ImageGuard } from '../../../node/images/image-guard.ts'
import type { Caller, ImageDraft } from '../../../node/images/image-requests.ts'
import { ImageUploader } from '../../../node/images/image-uploader.ts'
import { ProjectQuotas } from '../../../node/images/project-quotas.ts'
import { StoreList } from '../../../node/images/store-list.ts'
import type { ImportRequest } from '../../../node/imports/import-requests.ts'
import { ImportPlugins, type ImportPluginsOptions } from '../../../node/imports/import-plugins.ts'
import { ImportRunner } from '../../../node/imports/import-runner.ts'
import { ImportService } from '../../../node/imports/import-service.ts'
import { ImportSource } from '../../../node/imports/import-source.ts'
import { LegacyImporter } from '../../../node/imports/legacy-import.ts'
import { RemoteGlance } from '../../../node/imports/remote-glance.ts'
import { ScratchSpace } from '../../../node/imports/scratch-space.ts'
import { StoreCopier } from '../../../node/imports/store-copier.ts'
import { OutboundError, type OutboundRequest } from '../../../node/outbound/outbound-http.ts'
import { TaskKeeper } from '../../../node/tasks/task-keeper.ts'
import type { TaskRecord } from '../../../node/tasks/task-record.ts'
import { defaultPolicy } from '../../helpers/default-policy.ts'
import { noBackends } from '../../helpers/memory-backends.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { activeImage, ID, imageOf, owner, ROOT } from '../images/image-fixture.ts'
import { MemoryRegisters } from '../images/memory-registers.ts'

export const URL = 'http://mirror.example/image?signature=secret'
export const HELLO = Buffer.from('hello')
const FORMATS = { requireImageFormatMatch: true, vmdkAllowedTypes: [], gptSafetyChecksNonfatal: [] }

export const direct: ImportRequest = {
  method: 'glance-direct',
  uri: null,
  remote: null,
  stores: null,
  allStores: false,
  allMustSucceed: true,
  body: {},
}
export const download: ImportRequest = { ...direct, method: 'web-download', uri: URL }
export const copy: ImportRequest = { ...direct, method: 'copy-image' }

export async function* piecesOf(...pieces: Buffer[]) {
  yield* pieces
}

interface NodeOptions {
  quotaBytes?: number
  methods?: readonly ImportMethod[]
  plugins?: Partial<ImportPluginsOptions>
}

const offered: readonly ImportMethod[] = IMPORT_METHODS

/** One node, with a writer that keeps bytes in memory and a server that says what a test wants. */
export function nodeOf(t: Test, { quotaBytes = 0, methods = offered, plugins: options }: NodeOptions = {}) {
  const registers = new MemoryRegisters()
  const identity = createIdentity(systemRandom)
  const clock = new ManualClock()
  const base = { identity, clock, random: systemRandom, log: silentLog }
  const state = {
    answer: async (_request: OutboundRequest) => ({
      status: 200,
      body: piecesOf(HELLO) as AsyncIterable<Uint8Array>,
    }),
    written: [] as Buffer[],
    closed: 0,
  }
  const writer = {
    write: async (
      { sizeBytesMax }: { sizeBytesMax: number },
      body: AsyncIterable<Uint8Array>,
    ): Promise<StoredImage> => {
      const pieces: Uint8Array[] = []
      for await (const piece of body) pieces.push(piece)
      const bytes = Buffer.concat(pieces)
      if (bytes.length > sizeBytesMax) throw new ImageError('TOO_LARGE', 'the image is too large')
      state.written.push(bytes)
      const held = { holders: [identity.id], pinnedAt: [identity.id] }
      return {
        root: ROOT,
        sizeBytes: bytes.length,
        chunkSizeBytes: 1024,
        md5: 'm5',
        multihash: 's5',
        ...held,
      }
    },
    unpin: () => Promise.resolve(),
  }
  const none = noBackends()
  const uploader = new ImageUploader(
    { ...base, registers: registers.images, writer, holder: { noteHeld: () => Promise.resolve() }, ...none },
    { sizeBytesMax: 1000, copies: { copies: 3, rules: [] }, formats: FORMATS, defaultStore: 'main' },
  )
  const keeper = new TaskKeeper(
    { ...base, registers: registers.taskRegisters, index: registers.tasks },
    { keepMs: 3_600_000 },
  )
  const outbound = {
    check: (url: string) => {
      if (!url.startsWith('http')) throw new OutboundError('OUTBOUND_REFUSED', 'This is no URL.')
    },
    send: async (request: OutboundRequest) => ({
      headers: {},
      lengthBytes: null,
      close: async () => void state.closed++,
      ...(await state.answer(request)),
    }),
  }
  const staged = () => state.written.at(-1) ?? HELLO
  const opener = {
    open: async (image: ImageRecord) =>
      image.staged ? keptImage(staged()) : { sizeBytes: 5, read: () => leases(HELLO) },
  }
  const remote = new RemoteGlance(
    { outbound },
    {
      extraProperties: ['hw_', 'os_'],
      diskFormats: DISK_FORMATS,
      containerFormats: ['bare'],
      sizeBytesMax: 1000,
    },
  )
  const source = new ImportSource({ outbound, opener, remote }, { sizeBytesMax: 1000 })
  const directory = t.testdir()
  const scratch = new ScratchSpace(
    { probe: async () => ({ freeBytes: 1024 ** 3, totalBytes: 1024 ** 3 }) },
    { directory: join(directory, 'scratch'), bytesMax: 10_000, freeBytesMin: 0 },
  )
  const converter = { convert: (body: AsyncIterable<Uint8Array>) => suffixed(body) }
  const plugins = new ImportPlugins(
    { scratch, converter },
    { plugins: [], outputFormat: 'raw', inject: {}, ignoreUserRoles: ['admin'], ...options },
  )
  const copier = new StoreCopier({ ...none, registers: registers.images, log: silentLog, opener })
  const runner = new ImportRunner(
    { ...base, registers: registers.images, uploader, tasks: keeper, source, plugins, copier },
    { sizeBytesMax: 1000 },
  )
  const quotas = new ProjectQuotas(
    { registers: registers.images, index: registers.index, limits: null },
    { storageQuotaBytes: quotaBytes },
  )
  const guard = new ImageGuard({ policy: defaultPolicy, read: (id) => registers.images.read(id) })
  const images = {
    create: async (_caller: Caller, draft: ImageDraft) => {
      if (draft.name === 'refused') throw new ImageError('FORBIDDEN', 'You may not.')
      const { name = null, diskFormat = null, containerFormat = null, id = '' } = draft
      const record = imageOf({ id, name, diskFormat, containerFormat })
      registers.put(record)
      return record
    },
    remove: async (_caller: Caller, id: string) => {
      registers.put(imageOf({ id, status: 'deleted' }), { live: false })
    },
  }
  const legacy = new LegacyImporter({
    random: systemRandom,
    images,
    guard,
    projectQuotas: quotas,
    stores: new StoreList({ clusterId: 'main', isHttpOn: true }),
    runner,
    tasks: keeper,
  })
  const service = new ImportService(
    {
      clock,
      policy: defaultPolicy,
      registers: registers.images,
      uploader,
      projectQuotas: quotas,
      outbound,
      stores: new StoreList({ clusterId: 'main', isHttpOn: true }),
      ...noBackends(),
      runner,
      tasks: keeper,
      legacy,
    },
    { methods },
  )
  t.teardown(() => Promise.all([uploader.stop(), runner.stop()]))
  const image = () => registers.record(ID)
  const tasks = (): TaskRecord[] => registers.tasks.ofImage(ID)
  const stage = (bytes: Buffer, by = owner) => service.stage(by, ID, piecesOf(bytes), bytes.length)
  return { registers, service, runner, uploader, state, clock, image, tasks, stage }
}

/** Reads that have not ended. */
export const lent = { count: 0 }

/** As if it had been converted. */
async function* suffixed(body: AsyncIterable<Uint8Array>) {
  yield* body
  yield Buffer.from('!')
}

function keptImage(bytes: Buffer): KeptImage {
  const read = () => leases(bytes)
  return { sizeBytes: bytes.length, read, readFrom: read }
}

async function* leases(bytes: Buffer) {
  lent.count++
  try {
    yield { bytes, release() {} }
  } finally {
    lent.count--
  }
}

export const located = (fields: Partial<ImageRecord> = {}) =>
  activeImage({ data: null, locations: [{ url: URL, metadata: {} }], ...fields })
