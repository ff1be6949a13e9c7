/** What both servers are told. */
import { ALLOWED_ORIGIN } from './cases/cors.ts'
import { LIMITS } from './cases/quotas.ts'

/** In the form of `parseSetting`. */
export const SETTINGS: readonly string[] = [
  'DEFAULT.api_limit_max=100',
  `DEFAULT.image_property_quota=${LIMITS.properties}`,
  `DEFAULT.image_tag_quota=${LIMITS.tags}`,
  `DEFAULT.image_member_quota=${LIMITS.members}`,
  `DEFAULT.image_size_cap=${LIMITS.imageBytes}`,
  `DEFAULT.user_storage_quota=${LIMITS.projectBytes}`,
  'oslo_middleware.enable_proxy_headers_parsing=true',
  `cors.allowed_origin=${ALLOWED_ORIGIN}`,
]
