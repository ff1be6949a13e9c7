/** Makes the stages and imports. */
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'
import type { OutsideBytes } from '../data/outside-bytes.ts'
import type { ImageIndex } from '../images/image-index.ts'
import type { ImagePolicy } from '../images/image-policy.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { ImageUploader } from '../images/image-uploader.ts'
import type { ProjectLimits } from '../images/project-limits.ts'
import { ProjectQuotas } from '../images/project-quotas.ts'
import type { StoreList } from '../images/store-list.ts'
import { ImportRunner } from '../imports/import-runner.ts'
import { ImportService } from '../imports/import-service.ts'
import { ImportSource } from '../imports/import-source.ts'
import type { OutboundHttp } from '../outbound/outbound-http.ts'
import type { TaskKeeper } from '../tasks/task-keeper.ts'

export interface ImportParts {
  config: SeracConfig
  log: Log
  identity: NodeIdentity
  index: ImageIndex
  policy: ImagePolicy
  outbound: OutboundHttp
  limits: ProjectLimits | null
  stores: StoreList
}

export interface ImportedImages {
  registers: ImageRegisters
  uploader: ImageUploader
  outside: OutsideBytes
}

export interface Imports {
  service: ImportService
  runner: ImportRunner
}

export function buildImports(
  { config, log, identity, index, policy, outbound, limits, stores }: ImportParts,
  { registers, uploader, outside }: ImportedImages,
  tasks: TaskKeeper,
): Imports {
  const { imageSizeCap, enabledImportMethods, userStorageQuota } = config.default
  const source = new ImportSource(
    { outbound, outside },
    { sizeBytesMax: imageSizeCap, isHttpOn: stores.isHttpOn },
  )
  const runner = new ImportRunner({ identity, clock, log, registers, uploader, tasks, source })
  const projectQuotas = new ProjectQuotas(
    { registers, index, limits },
    { storageQuotaBytes: userStorageQuota },
  )
  const service = new ImportService(
    { clock, policy, registers, uploader, projectQuotas, outbound, stores, runner },
    { methods: enabledImportMethods },
  )
  return { service, runner }
}
