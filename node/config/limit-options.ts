/** The section [oslo_limit]: the options of oslo.limit, and of its password plug-in, that mean something here. */
import { option, optional } from './option.ts'
import { boolean, choice, duration, path, secret, text, url } from './option-types.ts'

const AS_FOR_TOKENS = 'Unset: as in [keystone_authtoken].'

export const LIMIT_OPTIONS = {
  endpoint_id: optional(
    text,
    'Id of an endpoint of the image service in Keystone: the limits of its service and region count.',
  ),
  endpoint_service_name: optional(
    text,
    'The same without an id: the one service of this name, of this type, or both.',
  ),
  endpoint_service_type: optional(text, 'The type of that service, image.'),
  endpoint_region_name: optional(text, 'The region of its endpoint, where there are several.'),
  endpoint_interface: option(
    choice('public', 'publicURL', 'internal', 'internalURL', 'admin', 'adminURL'),
    'public',
    'The interface of its endpoint.',
  ),
  auth_url: optional(url, `Where this node asks Keystone. ${AS_FOR_TOKENS}`),
  auth_type: option(
    choice('password', 'v3password'),
    'password',
    'How this node authenticates itself: with a password.',
  ),
  username: optional(
    text,
    `Name of the user that looks up limits, which needs the role reader on the system. ${AS_FOR_TOKENS}`,
  ),
  password: optional(secret, 'Its password. Better in a file, named by OS_OSLO_LIMIT__PASSWORD_FILE.'),
  user_domain_id: optional(text, 'Domain of that user. Unset, and its name too: default.'),
  user_domain_name: optional(text, 'The same, by name.'),
  system_scope: option(choice('all'), 'all', 'Scope of its token, unless project_name is set.'),
  project_name: optional(
    text,
    'Project of its token. Keystone shows limits of others only to administrators.',
  ),
  project_domain_id: optional(text, 'Domain of that project. Unset, and its name too: default.'),
  project_domain_name: optional(text, 'The same, by name.'),
  region_name: optional(text, `Region whose Keystone is asked. ${AS_FOR_TOKENS}`),
  cafile: optional(path, `Authorities that may vouch for Keystone over https, in PEM. ${AS_FOR_TOKENS}`),
  certfile: optional(path, `Certificate that Keystone wants to see, in PEM. ${AS_FOR_TOKENS}`),
  keyfile: optional(path, `The key to certfile, in PEM. ${AS_FOR_TOKENS}`),
  insecure: option(boolean, 'false', "Do not check Keystone's certificate."),
  cache_time: option(
    duration,
    '60',
    'How long limits are good without asking again, and so for how long a changed one may not count. 0: ask each time.',
  ),
} as const
