/** Makes API v1's part of the image service. */
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'
import { ChangedImages } from '../images/changed-images.ts'
import type { ImageIndex } from '../images/image-index.ts'
import type { ImagePolicy } from '../images/image-policy.ts'
import { imageIdOf } from '../images/image-operations.ts'
import type { ImageRecord } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { ImageService } from '../images/image-service.ts'
import { ProjectQuotas } from '../images/project-quotas.ts'
import type { StoreList } from '../images/store-list.ts'
import type { OutsideBytes } from '../data/outside-bytes.ts'
import { V1Filler } from '../images/v1-filler.ts'
import { V1Images } from '../images/v1-images.ts'
import type { Store } from '../store/store.ts'
import { deletedKeys } from './build-record-loops.ts'

export interface V1Parts {
  config: SeracConfig
  log: Log
  store: Store
  index: ImageIndex
  policy: ImagePolicy
  stores: Pick<StoreList, 'isHttpOn'>
}

export interface SharedParts {
  registers: ImageRegisters
  service: ImageService
  outside: OutsideBytes
}

export function buildV1Images(
  parts: V1Parts,
  { registers, service: images, outside }: SharedParts,
): V1Images {
  const { config, log, store, index, policy, stores } = parts
  const { imageSizeCap, imageLocationQuota, imagePropertyQuota, imageTagQuota, imageMemberQuota } =
    config.default
  const projectQuotas = new ProjectQuotas(
    { registers, index, limits: null },
    { storageQuotaBytes: config.default.userStorageQuota },
  )
  const filler = new V1Filler(
    { clock, log, registers, images, outside, projectQuotas },
    {
      sizeBytesMax: imageSizeCap,
      isHttpOn: stores.isHttpOn,
      locationQuota: imageLocationQuota,
    },
  )
  const changed = new ChangedImages({
    monotonicMs: () => clock.monotonicMs(),
    live: () => index.rows(),
    deleted: () => deletedImages(store, index, registers),
  })
  const quotas = { properties: imagePropertyQuota, tags: imageTagQuota, locations: imageLocationQuota }
  return new V1Images(
    { clock, images, registers, index, changed, policy, filler },
    { quotas, memberQuota: imageMemberQuota },
  )
}

function* deletedImages(store: Store, index: ImageIndex, registers: ImageRegisters): Generator<ImageRecord> {
  for (const key of deletedKeys(store, index)) {
    const known = registers.local(imageIdOf(key) ?? '')
    if (known && !known.live) yield known.record
  }
}
