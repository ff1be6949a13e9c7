/**
 * The stores beside the cluster, as Glance's multi-store configuration has them: `enabled_backends` names them, and each has a
 * section of its own with the options of its kind, under Glance's names and with Glance's defaults. What Glance has beyond
 * that means nothing here, and is refused as any unknown name.
 */
import { multi, option, optional, type ConfigOf, type OptionTable, type SectionOptions } from './option.ts'
import { boolean, choice, integer, path, secret, text, url, type OptionType } from './option-types.ts'
import { resolve } from './resolve.ts'
import type { Settings } from './settings.ts'

export const BACKEND_TYPES = ['file', 's3', 'swift', 'rbd', 'vmware'] as const
export type BackendType = (typeof BACKEND_TYPES)[number]

/** Where the tools of Ceph look first when they are told nothing. */
export const CEPH_CONF = '/etc/ceph/ceph.conf'

/** A datastore of vSphere. */
export interface DatastoreOption {
  /** Inventory path of its data center. */
  datacenter: string
  name: string
  weight: number
}

export interface EnabledBackend {
  id: string
  type: BackendType
}

const WEIGHT_MAX = 1_000_000
/** S3 takes no smaller parts, and parts are held in memory: two of them for each image on its way. */
const S3_PART_MB = { min: 5, max: 512 }
const SWIFT_SEGMENT_MB_MAX = 5120
const FILE_MODE_MAX = 777
/** As large as the objects of an RBD image may be. */
const RBD_CHUNK_MB_MAX = 32
const RADOS_CONNECT_SECONDS_MAX = 300
const VMWARE_TRIES_MAX = 100
const VMWARE_POLL_SECONDS_MAX = 300

export const enabledBackend: OptionType<EnabledBackend> = {
  description: `ID:TYPE with a TYPE of ${BACKEND_TYPES.join(', ')}`,
  parse(value) {
    const [, id, written] = /^([\w-]{1,64})\s*:\s*(\w+)$/.exec(value) ?? []
    const type = BACKEND_TYPES.find((known) => known === written)
    if (id === undefined || type === undefined) throw new Error(this.description)
    return { id, type }
  },
}

/** Names of S3, Swift and Ceph that need no escaping anywhere. */
const bucket: OptionType<string> = {
  description: 'a name of letters, digits, dots, _ and -',
  parse(value) {
    if (!/^[A-Za-z0-9][\w.-]{0,254}$/.test(value)) throw new Error(this.description)
    return value
  },
}

const common = () => ({
  weight: option(
    integer(-WEIGHT_MAX, WEIGHT_MAX),
    '0',
    'An image is read from the store with the greatest weight first; from the cluster before any of them.',
  ),
  store_description: optional(text, 'Told to clients that list the stores.'),
})

const fileOptions = () => ({
  ...common(),
  filesystem_store_datadir: optional(
    path,
    'Directory of the images, one file each, as of Glance. Nodes that name it must see the same one, by NFS or CephFS: files are ' +
      'not copied between nodes. One that a single node has is named there alone. It is never made here: name one inside of the ' +
      'mount, so that a missing mount is seen.',
  ),
  filesystem_store_file_perm: option(
    integer(0, FILE_MODE_MAX),
    '0',
    'Permissions of new files, in octal digits (640); 0: those of the process.',
  ),
})

const s3Options = () => ({
  ...common(),
  s3_store_host: optional(text, 'Where S3 is: https://HOST:PORT, or a host alone for https.'),
  s3_store_region_name: option(text, 'us-east-1', 'Region of the bucket.'),
  s3_store_access_key: optional(secret, 'Who this cluster is there.'),
  s3_store_secret_key: optional(secret, 'The secret to the access key.'),
  s3_store_bucket: optional(bucket, 'Bucket of the images.'),
  s3_store_create_bucket_on_put: option(boolean, 'false', 'Make the bucket when there is none.'),
  s3_store_bucket_url_format: option(
    choice('auto', 'virtual', 'path'),
    'auto',
    'Whether the bucket is part of the host name (virtual) or of the path. auto: of the name at amazonaws.com alone.',
  ),
  s3_store_large_object_chunk_size: option(
    integer(S3_PART_MB.min, S3_PART_MB.max),
    '10',
    'MB of one part of an image. Parts of very large images grow.',
  ),
  s3_store_cacert: optional(path, 'Authorities that vouch for the host, in PEM.'),
})

const swiftOptions = () => ({
  ...common(),
  swift_store_auth_version: option(choice('3', '1'), '3', '3: Keystone. 1: TempAuth of Swift itself.'),
  swift_store_auth_address: optional(url, 'Keystone, or for version 1 the whole URL of TempAuth.'),
  swift_store_user: optional(text, 'PROJECT:USER, or for version 1 ACCOUNT:USER.'),
  swift_store_key: optional(secret, 'The password.'),
  user_domain_name: option(text, 'Default', 'Domain of the user.'),
  project_domain_name: option(text, 'Default', 'Domain of the project.'),
  swift_store_region: optional(text, 'Region in the catalogue; unset: the first one.'),
  swift_store_endpoint: optional(url, 'The account in Swift, instead of what the catalogue says.'),
  swift_store_endpoint_type: option(
    choice('publicURL', 'internalURL', 'adminURL'),
    'publicURL',
    'Which of the endpoints in the catalogue.',
  ),
  swift_store_service_type: option(text, 'object-store', 'Of Swift in the catalogue.'),
  swift_store_container: option(bucket, 'glance', 'Container of the images and of their segments.'),
  swift_store_create_container_on_put: option(boolean, 'false', 'Make the container when there is none.'),
  swift_store_large_object_size: option(
    integer(1, SWIFT_SEGMENT_MB_MAX),
    '5120',
    'MB above which an image is sent in segments, as are those of which no size was announced.',
  ),
  swift_store_large_object_chunk_size: option(
    integer(1, SWIFT_SEGMENT_MB_MAX),
    '200',
    'MB of one segment. Segments of very large images grow.',
  ),
  swift_store_cacert: optional(path, 'Authorities that vouch for Keystone and Swift, in PEM.'),
  swift_store_auth_insecure: option(boolean, 'false', 'Do not check their certificates.'),
})

const rbdOptions = () => ({
  ...common(),
  rbd_store_pool: option(bucket, 'images', 'Pool of the images. It is never made here.'),
  rbd_store_user: optional(
    bucket,
    'Who this cluster is there, without client.; unset: as ceph.conf has it. Its keyring is named by ceph.conf.',
  ),
  rbd_store_ceph_conf: optional(
    path,
    `ceph.conf, with fsid under [global]: locations begin with it. Unset: ${CEPH_CONF}. The tools rbd and rados must be ` +
      'installed (ceph-common).',
  ),
  rbd_store_chunk_size: option(
    integer(1, RBD_CHUNK_MB_MAX),
    '8',
    'MB of the objects that an image is cut into; what is no power of two is rounded down to one, as in Glance.',
  ),
  rados_connect_timeout: option(
    integer(-1, RADOS_CONNECT_SECONDS_MAX),
    '-1',
    "Seconds for Ceph's monitors to answer; -1 or 0: 10.",
  ),
})

/** `DATACENTER:DATASTORE` or `DATACENTER:DATASTORE:WEIGHT`, as Glance writes them. */
const datastore: OptionType<DatastoreOption> = {
  description: 'DATACENTER:DATASTORE or DATACENTER:DATASTORE:WEIGHT',
  parse(value) {
    const [, datacenter = '', name = '', weight = '0'] =
      /^([^:]+):([^:]+?)(?::(-?\d{1,6}))?$/.exec(value) ?? []
    if (datacenter === '' || name === '') throw new Error(this.description)
    return { datacenter: datacenter.trim(), name: name.trim(), weight: Number(weight) }
  },
}

const vmwareOptions = () => ({
  ...common(),
  vmware_server_host: optional(
    text,
    'vCenter or ESXi: HOST or HOST:PORT, by https. Written after the published protocol: no VMware product was there to try it.',
  ),
  vmware_server_username: optional(text, 'Who this cluster is there.'),
  vmware_server_password: optional(secret, 'The password.'),
  vmware_datastores: multi(
    datastore,
    'Where images are: new ones in the datastore with the greatest weight, the first of several.',
  ),
  vmware_store_image_dir: option(text, '/openstack_glance', 'Directory of the images in a datastore.'),
  vmware_api_retry_count: option(
    integer(1, VMWARE_TRIES_MAX),
    '10',
    'How often a session is asked for anew.',
  ),
  vmware_task_poll_interval: option(
    integer(1, VMWARE_POLL_SECONDS_MAX),
    '5',
    'Seconds between two looks at a deletion that goes on.',
  ),
  vmware_insecure: option(
    boolean,
    'false',
    'Do not check the certificate. Without effect with vmware_ca_file.',
  ),
  vmware_ca_file: optional(path, 'Authorities that vouch for the host, in PEM.'),
})

const KINDS = {
  file: fileOptions,
  s3: s3Options,
  swift: swiftOptions,
  rbd: rbdOptions,
  vmware: vmwareOptions,
}
/** What a store of a kind cannot do without. */
const NEEDS: Readonly<Record<BackendType, readonly string[]>> = {
  file: ['filesystem_store_datadir'],
  s3: ['s3_store_host', 's3_store_access_key', 's3_store_secret_key', 's3_store_bucket'],
  swift: ['swift_store_auth_address', 'swift_store_user', 'swift_store_key'],
  rbd: [],
  vmware: ['vmware_server_host', 'vmware_server_username', 'vmware_server_password', 'vmware_datastores'],
}

type ValuesOf<Type extends BackendType> = ConfigOf<{
  section: { help: string; options: ReturnType<(typeof KINDS)[Type]> }
}>['section']

export type BackendConfig = {
  [Type in BackendType]: { id: string; type: Type } & ValuesOf<Type>
}[BackendType]

export interface BackendSection extends EnabledBackend, SectionOptions {}

/** One section for each, with options of its own. */
export function backendSections(enabled: readonly EnabledBackend[]): BackendSection[] {
  return enabled.map(({ id, type }) => ({
    id,
    type,
    help: `The store ${id}.`,
    options: KINDS[type](),
  }))
}

/** What is wrong is added to `settings`; the result is then not fit for use. */
export function resolveBackend(
  { id, type, help, options }: BackendSection,
  settings: Settings,
): BackendConfig {
  const { section } = resolve({ section: { help, options } }, settings)
  for (const name of NEEDS[type])
    if (settings.written(options[name]!).length === 0)
      settings.refuse(null, `the store ${id} needs ${name} in [${id}]`)
  // The values are those of the kind's own table.
  return { ...section, id, type } as unknown as BackendConfig
}

/** As the sample file shows them. */
export const SAMPLE_BACKENDS: OptionTable = Object.fromEntries(
  BACKEND_TYPES.map((type) => [
    `ID-of-type-${type}`,
    { help: `A store of enabled_backends = ID:${type}.`, options: KINDS[type]() },
  ]),
)
