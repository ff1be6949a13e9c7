/** `[DEFAULT]`: the image API, its methods and quotas. */
import { enabledBackend } from './backend-options.ts'
import { IMPORT_METHODS_OPTION } from './import-options.ts'
import { option, optional } from './option.ts'
import {
  boolean,
  choice,
  duration,
  host,
  integer,
  list,
  path,
  pathPrefix,
  port,
  size,
  storageQuota,
  text,
  url,
} from './option-types.ts'

const MIB = 1024 ** 2
/** Pages are bounded in memory by this; Glance has no upper bound for its own. */
const PAGE_LIMIT_MAX = 100_000
/** Above it a request id is no id any more, and every log line carries it. */
const REQUEST_ID_LENGTH_MAX = 1024
/** Records are capped at 1 MiB, so larger quotas could never be used up. */
const QUOTA_MAX = 100_000
/** Half a second each: clients have gone by then. */
const HTTP_RETRIES_MAX = 100

export const API_OPTIONS = {
  bind_host: option(host, '0.0.0.0', 'Address on which the image API listens.'),
  bind_port: option(port, '9292', 'Port of the image API.'),
  public_endpoint: optional(
    url,
    'URL under which clients reach the image API, for the links in answers. Unset: what the request itself says.',
  ),
  state_path: option(path, '/var/lib/serac', 'Directory of the store: metadata, chunks and the node key.'),
  image_cache_dir: optional(
    path,
    'Directory of the image cache, below it in `serac-image-cache`: images that this node does not hold as a member of the ' +
      'cluster are kept there when they are downloaded here, or queued by /v2/cache. It may be lost at any time. Unset: ' +
      'there is no cache.',
  ),
  image_cache_max_size: option(
    size(MIB),
    '10 GiB',
    'Most bytes in the image cache, also while images come into it; the longest unused make room. What [store] ' +
      'free_bytes_min says is left free there, too.',
  ),
  auth_strategy: option(
    choice('keystone', 'noauth', 'trusted_headers'),
    'keystone',
    'Who says who a request comes from. keystone: the identity service, see [keystone_authtoken]. noauth: everybody ' +
      'is an administrator, for laboratories. trusted_headers: the X-User-Id, X-Project-Id and X-Roles headers are ' +
      'believed, for a proxy that has checked the token.',
  ),
  insecure_allow_remote: option(
    boolean,
    'false',
    'Allow noauth and trusted_headers on an address that other machines can reach. Anybody who can connect is then ' +
      'whoever they say they are.',
  ),
  default_publisher_id: option(
    text,
    'image.localhost',
    'Who notifications come from, see [oslo_messaging_notifications].',
  ),
  disabled_notifications: option(
    list(text),
    '',
    'Types of notifications that nobody is told of, as in image.send; or all of a group, as in image.',
  ),
  enable_v1_api: option(
    boolean,
    'false',
    'Answer API v1, too, for tools from before 2018. It shows and changes the same images.',
  ),
  allow_anonymous_access: option(
    boolean,
    'false',
    'With delay_auth_decision: whoever comes without a token may see what everybody may see. Else it is a 401.',
  ),
  path_prefix: option(
    pathPrefix,
    '',
    'Path below which the API is, e.g. /image, for a proxy that passes paths on as they are. The links in answers get ' +
      'it, too. The API answers without it as well.',
  ),
  cert_file: optional(
    path,
    'Certificates with which the image API speaks TLS, in PEM: its own first. Read again when it or key_file changes.',
  ),
  key_file: optional(path, 'The key to cert_file, in PEM, without a pass phrase.'),
  client_socket_timeout: option(
    duration,
    '900',
    'How long a client may stand still in the middle of an upload or a download before its connection is cut.',
  ),
  shutdown_delay: option(
    duration,
    '5',
    'At SIGTERM: how long the node serves on while its health checks say 503, so that load balancers notice. 0: not at all.',
  ),
  graceful_shutdown_timeout: option(
    duration,
    '60',
    'At SIGTERM: how long uploads and downloads that are under way may go on. Then uploads are answered 503, and the rest ' +
      'is cut.',
  ),
  debug: option(boolean, 'false', 'Log debug messages, too.'),
  log_format: option(
    choice('json', 'oslo'),
    'json',
    'JSON lines, or lines as other OpenStack services write them.',
  ),
  limit_param_default: option(
    integer(1, PAGE_LIMIT_MAX),
    '25',
    'Images on a page when a list asks for no limit.',
  ),
  api_limit_max: option(
    integer(1, PAGE_LIMIT_MAX),
    '1000',
    'Most images on a page, whatever a list asks for.',
  ),
  image_size_cap: option(size(1), '1 TiB', 'Largest image.'),
  user_storage_quota: option(
    storageQuota,
    '0',
    'All images of one project together; 0 = no limit. Uploads that run side by side may exceed it together, unless ' +
      'they announce their sizes.',
  ),
  use_keystone_limits: option(
    boolean,
    'false',
    'Projects have the limits that Keystone holds for them, see [oslo_limit]: image_size_total and image_stage_total in ' +
      'MiB, image_count_total, image_count_uploading. Of what has no registered limit nothing may be used. While ' +
      'Keystone does not tell them, creates and uploads are a 503.',
  ),
  image_member_quota: option(quota(), '128', 'Members of one image; -1 = no limit.'),
  image_property_quota: option(quota(), '128', 'Properties of one image; -1 = no limit.'),
  image_tag_quota: option(quota(), '128', 'Tags of one image; -1 = no limit.'),
  image_location_quota: option(quota(), '10', 'Locations of one image; -1 = no limit.'),
  show_multiple_locations: option(
    boolean,
    'false',
    'Show where the bytes of an image are, and let those whom the policy allows it name other places.',
  ),
  show_image_direct_url: option(
    boolean,
    'false',
    'Show the first of these places as direct_url. URLs may hold credentials: with either option, whoever sees the image ' +
      "and may get_image_location (by default its owner's project and administrators) reads them.",
  ),
  do_secure_hash: option(
    boolean,
    'true',
    'Compute the digests of an image that was added by its location (POST /v2/images/ID/locations).',
  ),
  http_retries: option(
    integer(0, HTTP_RETRIES_MAX),
    '3',
    'How often a read from an http location that failed is tried again.',
  ),
  enabled_backends: option(
    list(enabledBackend),
    '',
    'Stores beside the cluster, as ID:TYPE,ID:TYPE: file, s3, swift, rbd and vmware, each with a section [ID] of its own. Images can be ' +
      'uploaded to them, imported into them and copied between all of them and the cluster.',
  ),
  enabled_import_methods: IMPORT_METHODS_OPTION,
  delayed_delete: option(
    boolean,
    'false',
    'Keep the bytes of a deleted image for scrub_time. Nobody sees it any more, and `serac images restore` brings it back.',
  ),
  scrub_time: option(
    duration,
    '0',
    'How long a deleted image is kept where it was deleted with delayed_delete. 0: until the scrubber comes by.',
  ),
  property_protection_file: optional(
    path,
    'Who may create, read, update and delete which properties: sections are patterns of names, in order. Read again when ' +
      'it changes; one that is wrong changes nothing. Unset: whoever may change an image may change them all.',
  ),
  property_protection_rule_format: option(
    choice('roles', 'policies'),
    'roles',
    'What that file names for each of create, read, update and delete: roles between commas, or one rule of the policy. ' +
      '@ is everybody, ! nobody.',
  ),
  max_request_id_length: option(
    integer(0, REQUEST_ID_LENGTH_MAX),
    '64',
    "Most characters of a client's own request id; longer ones are refused.",
  ),
  hashing_algorithm: option(
    choice('sha512'),
    'sha512',
    'Algorithm of os_hash_value, next to the md5 checksum.',
  ),
}

/** Glance writes -1 for "no limit". */
function quota() {
  return integer(-1, QUOTA_MAX)
}
