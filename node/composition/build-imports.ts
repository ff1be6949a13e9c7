/** Makes the stages and imports. */
import { join } from 'node:path'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import { systemClock as clock, systemRandom as random, type Log } from '../../cluster/runtime.ts'
import type { Backends } from '../backends/backends.ts'
import type { SeracConfig } from '../config/options.ts'
import { ImageGuard } from '../images/image-guard.ts'
import type { ImageIndex } from '../images/image-index.ts'
import type { ImageOpener } from '../images/image-opener.ts'
import type { ImagePolicy } from '../images/image-policy.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { ImageServicePort } from '../images/image-service-port.ts'
import type { ImageUploader } from '../images/image-uploader.ts'
import type { ProjectLimits } from '../images/project-limits.ts'
import { ProjectQuotas } from '../images/project-quotas.ts'
import type { StoreList } from '../images/store-list.ts'
import { ImageConverter } from '../imports/image-converter.ts'
import { ImportPlugins } from '../imports/import-plugins.ts'
import { ImportRunner } from '../imports/import-runner.ts'
import { ImportService } from '../imports/import-service.ts'
import { ImportSource } from '../imports/import-source.ts'
import { LegacyImporter } from '../imports/legacy-import.ts'
import { QemuImg } from '../imports/qemu-img.ts'
import { RemoteGlance } from '../imports/remote-glance.ts'
import { ScratchSpace } from '../imports/scratch-space.ts'
import type { StoreCopier } from '../imports/store-copier.ts'
import type { OutboundHttp } from '../outbound/outbound-http.ts'
import { statfsProbe } from '../store/free-space.ts'
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
  backends: Backends
}

export interface ImportedImages {
  registers: ImageRegisters
  uploader: ImageUploader
  opener: ImageOpener
  copier: StoreCopier
  service: ImageServicePort
}

/** Below state_path, unless the operator has another place. */
const SCRATCH = 'scratch'

export interface Imports {
  service: ImportService
  runner: ImportRunner
}

export function buildImports(
  { config, log, identity, index, policy, outbound, limits, stores, backends }: ImportParts,
  { registers, uploader, opener, copier, service: images }: ImportedImages,
  tasks: TaskKeeper,
): Imports {
  const { imageSizeCap, enabledImportMethods, userStorageQuota } = config.default
  const { diskFormats, containerFormats } = config.imageFormat
  const { extraProperties } = config.glanceDownloadProperties
  const remote = new RemoteGlance(
    { outbound },
    { extraProperties, diskFormats, containerFormats, sizeBytesMax: imageSizeCap },
  )
  const source = new ImportSource({ outbound, opener, remote }, { sizeBytesMax: imageSizeCap })
  const plugins = buildPlugins(config, log)
  const base = { identity, clock, log, registers }
  const runner = new ImportRunner(
    { ...base, uploader, tasks, source, plugins, copier },
    { sizeBytesMax: imageSizeCap },
  )
  const projectQuotas = new ProjectQuotas(
    { registers, index, limits },
    { storageQuotaBytes: userStorageQuota },
  )
  const guard = new ImageGuard({ policy, read: (id) => registers.read(id) })
  const legacy = new LegacyImporter({ random, images, guard, projectQuotas, stores, runner, tasks })
  const service = new ImportService(
    { clock, policy, registers, uploader, projectQuotas, outbound, stores, backends, runner, tasks, legacy },
    { methods: enabledImportMethods },
  )
  return { service, runner }
}

function buildPlugins(config: SeracConfig, log: Log): ImportPlugins {
  const { imageImportPlugins: plugins } = config.imageImportOpts
  const { outputFormat, workDir, workDirSize } = config.imageConversion
  const directory = join(workDir ?? config.default.statePath, SCRATCH)
  const scratch = new ScratchSpace(
    { probe: statfsProbe(directory) },
    { directory, bytesMax: workDirSize, freeBytesMin: config.store.freeBytesMin },
  )
  const qemuImg = new QemuImg({ clock })
  // Also when nothing needs it any more: what a crash has left may be large.
  scratch.start().catch((error: unknown) => {
    log.error({ directory, error: String(error) }, 'imports have no place for what they change')
  })
  if (plugins.includes('image_conversion'))
    void qemuImg.isThere().then((isThere) => {
      if (!isThere)
        log.error({}, 'images are to be converted on import, and there is no qemu-img (qemu-utils)')
    })
  const converter = new ImageConverter({ scratch, qemuImg }, config.imageFormat)
  return new ImportPlugins(
    { scratch, converter },
    { plugins, outputFormat, ...config.injectMetadataProperties },
  )
}
