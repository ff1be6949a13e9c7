/** What the servers are told, in the form of `parseSetting`. */
import { join } from 'node:path'
import { PROJECT_ROOT } from '../../helpers/test-program.ts'
import { ALLOWED_ORIGIN } from './cases/cors.ts'
import { LOCATIONS_MAX } from './cases/locations.ts'
import { LIMITS } from './cases/quotas.ts'

const PROTECTIONS = join(PROJECT_ROOT, 'test/compat/differential/protections')

const COMMON = [
  'DEFAULT.api_limit_max=100',
  `DEFAULT.image_property_quota=${LIMITS.properties}`,
  `DEFAULT.image_tag_quota=${LIMITS.tags}`,
  `DEFAULT.image_member_quota=${LIMITS.members}`,
  `DEFAULT.image_location_quota=${LOCATIONS_MAX}`,
  `DEFAULT.image_size_cap=${LIMITS.imageBytes}`,
  `DEFAULT.user_storage_quota=${LIMITS.projectBytes}`,
  'oslo_middleware.enable_proxy_headers_parsing=true',
  `cors.allowed_origin=${ALLOWED_ORIGIN}`,
]

/** Many cases are for a service that shows locations, keeps what is deleted for a while, and protects properties by roles. */
const WIDE = [
  'DEFAULT.show_multiple_locations=true',
  'DEFAULT.show_image_direct_url=true',
  'DEFAULT.delayed_delete=true',
  `DEFAULT.property_protection_file=${join(PROTECTIONS, 'by-role.conf')}`,
]

/** The others are for one that does none of it, as it comes, protects properties by policies, and changes what is imported. */
const PLAIN = [
  'image_import_opts.image_import_plugins=[inject_image_metadata,image_decompression,image_conversion]',
  'inject_metadata_properties.inject=hw_imported:yes',
  `DEFAULT.property_protection_file=${join(PROTECTIONS, 'by-policy.conf')}`,
  'DEFAULT.property_protection_rule_format=policies',
  `oslo_policy.policy_file=${join(PROTECTIONS, 'policy.yaml')}`,
]

/** Some are for one that has other regions, too. */
const SEVERAL = ['DEFAULT.enabled_import_methods=[glance-direct,web-download,copy-image,glance-download]']

/** Beside the one that is the default: a directory, and two that are not there when something is to be stored. */
const FURTHER = ['second', 'broken', 'rotten'] as const

/** Where the bytes of images may be. */
const GLANCE = ['DEFAULT.enabled_backends=main:file,http:http']
const GLANCE_FURTHER = ['DEFAULT.enabled_backends=main:file,second:file,broken:file,rotten:file,http:http']
const SERAC_FURTHER = ['DEFAULT.enabled_backends=second:file,broken:file,rotten:file']

/** Serac goes to no loopback address that it was not told of. */
const SERAC = [
  'DEFAULT.auth_strategy=trusted_headers',
  'DEFAULT.scrub_time=1h',
  'glance_store.stores=cluster,http',
  'glance_store.default_backend=main',
  'import_filtering_opts.allowed_addresses=127.0.0.1',
]

export interface ServerSettings {
  glance: string[]
  serac: string[]
}

/** The directories of the further stores of a server. */
export function storesIn(directory: string): Record<(typeof FURTHER)[number], string> {
  const [second, broken, rotten] = FURTHER.map((id) => join(directory, id)) as [string, string, string]
  return { second, broken, rotten }
}

/** What `several` adds: stores in directories, for each of the two servers its own. */
function severalStores(directories: Directories): ServerSettings {
  const placed = (directory: string) =>
    Object.entries(storesIn(directory)).map(([id, path]) => `${id}.filesystem_store_datadir=${path}`)
  return {
    glance: [...GLANCE_FURTHER, ...placed(directories.glance)],
    serac: [...SERAC_FURTHER, ...placed(directories.serac)],
  }
}

export interface Directories {
  glance: string
  serac: string
}

/** Locations may be at `mirror`. `wide`, `plain` and `several`, which has further stores, are for different cases. */
export function settingsFor(
  mirror: string,
  directories: Directories,
): Record<'wide' | 'plain' | 'several', ServerSettings> {
  const { hostname, port } = new URL(mirror)
  // oslo's own lists of this kind are in brackets, and say so late: when the first location is looked at.
  const allowed = [
    `import_filtering_opts.allowed_hosts=[${hostname}]`,
    // And a port where nobody listens.
    `import_filtering_opts.allowed_ports=[${port},1]`,
  ]
  const both = (own: readonly string[]): ServerSettings => ({
    glance: [...COMMON, ...own, ...allowed, ...GLANCE],
    serac: [...COMMON, ...own, ...allowed, ...SERAC],
  })
  const [base, further] = [both(SEVERAL), severalStores(directories)]
  const several = {
    glance: [...base.glance, ...further.glance],
    serac: [...base.serac, ...further.serac],
  }
  return { wide: both(WIDE), plain: both(PLAIN), several }
}
