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

/** Where the bytes of images may be. */
const GLANCE = ['DEFAULT.enabled_backends=main:file,http:http']

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

/** Locations may be at `mirror`. */
export function settingsFor(mirror: string): { wide: ServerSettings; plain: ServerSettings } {
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
  return { wide: both(WIDE), plain: both(PLAIN) }
}
