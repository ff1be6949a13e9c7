/** The section [keystone_authtoken]: the options of keystonemiddleware and of its password plug-in that mean something here. */
import { option, optional } from './option.ts'
import { boolean, choice, duration, integer, list, path, secret, text, url } from './option-types.ts'

/** A day: a token that was revoked must not be good for longer. */
const CACHE_SECONDS_MAX = 86_400
/** All of them together are bounded in time anyhow. */
const RETRIES_MAX = 20

export const KEYSTONE_OPTIONS = {
  auth_url: optional(url, 'Where this node asks Keystone; with or without /v3 at its end.'),
  www_authenticate_uri: optional(
    url,
    'Where clients find Keystone, told with each 401 (WWW-Authenticate). Unset: auth_url.',
  ),
  auth_type: option(
    choice('password', 'v3password'),
    'password',
    "How this node authenticates itself: with its service user's password.",
  ),
  username: optional(text, 'Name of the service user, which needs the role service or admin.'),
  password: optional(
    secret,
    'Its password. Better in a file, named by OS_KEYSTONE_AUTHTOKEN__PASSWORD_FILE.',
  ),
  user_domain_id: optional(text, 'Domain of the service user. Unset, and its name too: default.'),
  user_domain_name: optional(text, 'The same, by name.'),
  project_name: optional(text, 'Project of the service user.'),
  project_domain_id: optional(text, 'Domain of that project. Unset, and its name too: default.'),
  project_domain_name: optional(text, 'The same, by name.'),
  region_name: optional(text, 'Region whose Keystone checks the tokens. Unset: the first of the catalogue.'),
  interface: option(
    choice('internal', 'public', 'admin'),
    'internal',
    'Which of the endpoints in the catalogue checks the tokens. If there is none, auth_url does.',
  ),
  cafile: optional(
    path,
    'Authorities that may vouch for Keystone over https, in PEM. Unset: those that Node.js knows, which are not those ' +
      'of the operating system.',
  ),
  certfile: optional(path, 'Certificate that Keystone wants to see, in PEM.'),
  keyfile: optional(path, 'The key to certfile, in PEM.'),
  insecure: option(boolean, 'false', "Do not check Keystone's certificate."),
  token_cache_time: option(
    integer(-1, CACHE_SECONDS_MAX),
    '300',
    'Seconds for which a token that was checked is good without asking again, and so for how long a revoked one may ' +
      'still be. 0 or -1: ask each time.',
  ),
  http_connect_timeout: option(duration, '5', 'How long one request to Keystone may take.'),
  http_request_max_retries: option(
    integer(0, RETRIES_MAX),
    '3',
    'How often a request that did not reach Keystone is made again.',
  ),
  service_token_roles: option(
    list(text),
    'service',
    'Who brings a service token with one of these roles may use a token of a user which has expired meanwhile.',
  ),
  service_token_roles_required: option(
    boolean,
    'false',
    'Refuse service tokens without one of these roles. Should be true; false is the default elsewhere, too.',
  ),
  delay_auth_decision: option(
    boolean,
    'false',
    'Let requests without a valid token go on to [DEFAULT] allow_anonymous_access. When Keystone cannot be asked, a ' +
      'request with a token is still a 503.',
  ),
  include_service_catalog: option(
    boolean,
    'false',
    'Accepted for the sake of existing files. The catalogue of a user is of no use here and is never asked for.',
  ),
  memcached_servers: optional(
    text,
    'Accepted for the sake of existing files. Each node remembers for itself which tokens it has checked.',
  ),
} as const
