/** The images of a large, ordinary cloud, made from their number: the same in every run. */
import { createHash } from 'node:crypto'
import type { ImageRecord } from '../../node/images/image-record.ts'

/** Projects that own images, so that a project has 1 % of them. */
export const PROJECTS = 100
/** One image in this many is public. */
const PUBLIC_EVERY = 500
const DISTROS = ['debian', 'ubuntu', 'centos', 'fedora', 'windows', 'cirros']
const FIRST_CREATED_MS = Date.UTC(2020, 0, 1)
const MINUTE_MS = 60_000
const GIB = 1024 ** 3

export function seededId(number: number): string {
  const hex = createHash('md5').update(`image ${number}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
}

export function projectId(number: number): string {
  return createHash('md5').update(`project ${number}`).digest('hex')
}

/** Active in all but its bytes: no chunk stands behind it, so `data` is null and no node looks for any. */
export function seededImage(number: number): ImageRecord {
  const hash = createHash('sha512').update(String(number)).digest('hex')
  const createdAt = `${new Date(FIRST_CREATED_MS + number * MINUTE_MS).toISOString().slice(0, 19)}Z`
  const distro = DISTROS[number % DISTROS.length] as string
  return {
    id: seededId(number),
    name: `${distro}-${String(number).padStart(6, '0')}`,
    status: 'active',
    visibility: number % PUBLIC_EVERY === 0 ? 'public' : number % 10 === 1 ? 'private' : 'shared',
    protected: number % 20 === 0,
    hidden: false,
    owner: projectId(number % PROJECTS),
    containerFormat: 'bare',
    diskFormat: 'qcow2',
    minDisk: 10,
    minRam: 512,
    size: GIB + number,
    virtualSize: 10 * GIB,
    checksum: hash.slice(0, 32),
    hashAlgo: 'sha512',
    hashValue: hash,
    createdAt,
    updatedAt: createdAt,
    deletedAt: null,
    tags: ['seeded', distro],
    properties: {
      os_distro: distro,
      os_version: String(number % 30),
      os_type: 'linux',
      hw_disk_bus: 'virtio',
      hw_vif_model: 'virtio',
      build: `build-${number % 1000}`,
    },
    members: [],
    data: null,
    upload: null,
  }
}
