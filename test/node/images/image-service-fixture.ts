/** An image service for tests. */
import { createIdentity } from '../../../cluster/network/identity.ts'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import type { KeptImage, OpenImage } from '../../../node/data/open-image.ts'
import type { ImagePolicy } from '../../../node/images/image-policy.ts'
import { ImageError } from '../../../node/errors.ts'
import type { ImageLocationsOptions } from '../../../node/images/image-locations.ts'
import type { ProjectLimits } from '../../../node/images/project-limits.ts'
import { ImageService, type ImageServiceOptions } from '../../../node/images/image-service.ts'
import type { UploadRequest } from '../../../node/images/image-uploader.ts'
import { defaultPolicy } from '../../helpers/default-policy.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { memoryBackends } from '../../helpers/memory-backends.ts'
import { quotas } from './image-fixture.ts'
import { MemoryRegisters } from './memory-registers.ts'
import { toldLocationTask } from '../../helpers/told-location-task.ts'
import { ImageOpener } from '../../../node/images/image-opener.ts'
import { StoreList } from '../../../node/images/store-list.ts'

/** The one that answers. */
export const URL = 'http://mirror.example/image'
const locationOptions: ImageLocationsOptions = {
  showMultipleLocations: true,
  showImageDirectUrl: true,
  isHttpOn: true,
  doSecureHash: true,
  quota: 3,
}
export const OTHER_ID = '00000000-0000-4000-8000-000000000001'

export interface Setting extends Partial<Omit<ImageServiceOptions, 'locations'>> {
  locations?: Partial<ImageLocationsOptions>
  policy?: ImagePolicy
  limits?: ProjectLimits | null
}

/** A service over registers in memory, and what it did to what lies below it. */
export function serviceOf({
  staleLists = false,
  storageQuotaBytes = 0,
  delayedDelete = false,
  locations = {},
  policy = defaultPolicy,
  limits = null,
}: Setting = {}) {
  const registers = new MemoryRegisters()
  const opened: string[] = []
  const uploads: UploadRequest[] = []
  const whole = new Set<string>()
  const measured: string[] = []
  const image: KeptImage = {
    sizeBytes: 5,
    read: async function* () {},
    readFrom: (other, ...range) => other.read(...range),
  }
  const own = { image, failure: null as Error | null }
  const elsewhere: { image: OpenImage } = { image }
  const opener = new ImageOpener({
    log: silentLog,
    reader: {
      open: async ({ root }) => {
        opened.push(root)
        if (own.failure) throw own.failure
        return own.image
      },
    },
    outside: {
      open: ({ places }) => {
        opened.push(...places.map(({ url }) => url))
        return elsewhere.image
      },
    },
    stores: new StoreList({
      clusterId: 'cluster',
      isHttpOn: locations.isHttpOn ?? true,
      backends: [{ id: 'fast', type: 'file', weight: 1, description: null, properties: {} }],
    }),
    holdsWhole: (root) => whole.has(root),
    current: async (id) => registers.record(id) ?? null,
  })
  const memory = memoryBackends('fast')
  const service = new ImageService(
    {
      identity: createIdentity(systemRandom),
      clock: new ManualClock('2026-02-03T04:05:06.789Z'),
      random: systemRandom,
      log: silentLog,
      registers: registers.images,
      index: registers.index,
      policy,
      limits,
      uploader: { upload: async (request) => void uploads.push(request) },
      opener,
      backends: memory.backends,
      outside: {
        sizeOf: async (url) => {
          measured.push(url)
          if (url !== URL) throw new ImageError('INVALID', 'Invalid location')
          return 7
        },
      },
      hasher: { begin: () => {} },
      locationTasks: { create: async () => toldLocationTask() },
    },
    {
      quotas,
      memberQuota: 2,
      staleLists,
      storageQuotaBytes,
      delayedDelete,
      locations: { ...locationOptions, ...locations },
    },
  )
  return { service, memory, registers, opened, uploads, whole, measured, own, elsewhere }
}
