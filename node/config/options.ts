/**
 * Every option of `serac.conf`. The parser, the environment, the sample file and the type of the loaded configuration all
 * follow from this table. Names and defaults are Glance's where the meaning is Glance's.
 */
import { API_OPTIONS } from './api-options.ts'
import type { BackendConfig } from './backend-options.ts'
import { copies, copiesRule } from './copies.ts'
import {
  CONVERSION_OPTIONS,
  GLANCE_DOWNLOAD_OPTIONS,
  INJECTION_OPTIONS,
  PLUGIN_OPTIONS,
  STAGING_OPTION,
  TASK_OPTIONS,
} from './import-options.ts'
import { KEYSTONE_OPTIONS } from './keystone-options.ts'
import { LIMIT_OPTIONS } from './limit-options.ts'
import { member } from './members.ts'
import { MOVING_OPTIONS } from './moving-options.ts'
import { NOTIFICATION_OPTIONS, RABBIT_OPTIONS } from './notification-options.ts'
import { IMPORT_FILTERING_OPTIONS, STORE_OPTIONS } from './outbound-options.ts'
import { RENDEZVOUS_OPTIONS } from './rendezvous-options.ts'
import { type ConfigOf, multi, option, optional } from './option.ts'
import {
  boolean,
  choice,
  duration,
  host,
  integer,
  list,
  path,
  port,
  secret,
  size,
  text,
} from './option-types.ts'

const MIB = 1024 ** 2
/** The smallest share with which one transfer of 4 MiB chunks still has a few of them in flight. */
const MEMORY_SHARE_BYTES_MIN = 32 * MIB
/** Below it one chunk takes longer than a minute. */
const AUDIT_RATE_BYTES_MIN = 64 * 1024
/** A chunk each four seconds: slower repair is no repair. */
const REPAIR_RATE_BYTES_MIN = MIB
/** Longer than any browser remembers. */
const CORS_AGE_SECONDS_MAX = 7 * 86_400
/** Ten years. */
const TOMBSTONE_DAYS_MAX = 3650
/** No cluster config has more voters and W counts copies, see the architecture's R10. */
const COPIES_MAX = 7

export const OPTIONS = {
  DEFAULT: {
    help: 'The image API, as Glance has it.',
    options: API_OPTIONS,
  },
  keystone_authtoken: {
    help: 'How tokens are checked with auth_strategy = keystone, as in the file of any other OpenStack service.',
    options: KEYSTONE_OPTIONS,
  },
  glance_store: {
    help: 'Places for the bytes of images beside the cluster itself.',
    options: STORE_OPTIONS,
  },
  moving: {
    help: 'While images are moved here from a Glance.',
    options: MOVING_OPTIONS,
  },
  task: {
    help: 'What goes on behind the answers to requests: imports.',
    options: TASK_OPTIONS,
  },
  image_import_opts: {
    help: 'What becomes of images on their way in.',
    options: PLUGIN_OPTIONS,
  },
  image_conversion: {
    help: 'With the plugin image_conversion: what imported images are converted to.',
    options: CONVERSION_OPTIONS,
  },
  inject_metadata_properties: {
    help: 'With the plugin inject_image_metadata: what imported images are given.',
    options: INJECTION_OPTIONS,
  },
  glance_download_properties: {
    help: 'With the import method glance-download.',
    options: GLANCE_DOWNLOAD_OPTIONS,
  },
  import_filtering_opts: {
    help: 'What is fetched for users, from http locations and for imports: each hop of a redirect and each address is held to it.',
    options: IMPORT_FILTERING_OPTIONS,
  },
  oslo_messaging_notifications: {
    help: 'What other services are told of images: nothing, unless a driver is set.',
    options: NOTIFICATION_OPTIONS,
  },
  oslo_messaging_rabbit: {
    help: 'The queues of the message broker, as in the file of any other OpenStack service.',
    options: RABBIT_OPTIONS,
  },
  oslo_limit: {
    help: 'Where limits are found with use_keystone_limits, as in the file of any other OpenStack service.',
    options: LIMIT_OPTIONS,
  },
  cors: {
    help: 'Which web pages may use the API from a browser.',
    options: {
      allowed_origin: option(
        list(text),
        '',
        'Origins (PROTOCOL://HOST[:PORT]) of such pages, * for any; none turns CORS off.',
      ),
      allow_credentials: option(boolean, 'true', 'Whether such a page may send cookies and the like.'),
      expose_headers: option(
        list(text),
        'X-Image-Meta-Checksum,X-Auth-Token,X-Subject-Token,X-Service-Token,X-OpenStack-Request-ID',
        'Headers of answers that such a page may read.',
      ),
      max_age: option(
        integer(0, CORS_AGE_SECONDS_MAX),
        '3600',
        'Seconds for which a browser may remember the answer to its question.',
      ),
      allow_methods: option(list(text), 'GET,PUT,POST,DELETE,PATCH', 'Methods that such a page may use.'),
      allow_headers: option(
        list(text),
        'Content-MD5,X-Image-Meta-Checksum,X-Storage-Token,Accept-Encoding,X-Auth-Token,X-Identity-Status,X-Roles,' +
          'X-Service-Catalog,X-User-Id,X-Tenant-Id,X-OpenStack-Request-ID',
        'Headers that such a page may send.',
      ),
    },
  },
  oslo_middleware: {
    help: 'What proxies in front say.',
    options: {
      enable_proxy_headers_parsing: option(
        boolean,
        'false',
        'Believe Forwarded, or X-Forwarded-Proto, -Host and -Prefix, for the links in answers. Only where a proxy sets or ' +
          'strips them.',
      ),
    },
  },
  oslo_policy: {
    help: 'Who may do what: rules as oslo.policy writes them, over the defaults of Glance.',
    options: {
      policy_file: option(
        path,
        '/etc/serac/policy.yaml',
        'Rules that differ from the defaults; need not exist. Read again when it changes; one that is wrong changes nothing.',
      ),
      policy_dirs: option(
        list(path),
        '/etc/serac/policy.d',
        'Directories with more such files, read in the order of their names, each over the ones before.',
      ),
      enforce_scope: option(
        boolean,
        'true',
        'Refuse tokens for a domain or for the whole cloud: the rules are for those of a project.',
      ),
      enforce_new_defaults: option(
        boolean,
        'true',
        'Only the defaults with reader, member and admin hold. false: those from before that, where an owner needs no role, ' +
          'hold as well.',
      ),
    },
  },
  image_format: {
    help: 'Formats that images may declare, and what is refused when the data comes.',
    options: {
      disk_formats: option(
        list(text),
        'ami,ari,aki,vhd,vhdx,vmdk,raw,qcow2,vdi,iso,ploop',
        'Accepted disk formats.',
      ),
      container_formats: option(
        list(text),
        'ami,ari,aki,bare,ovf,ova,docker,compressed',
        'Accepted container formats.',
      ),
      require_image_format_match: option(
        boolean,
        'true',
        'Refuse data that is not what the disk_format of its image says; only where container_format is bare. Anything may ' +
          'be declared raw. false: such data is let through with a warning, and virtual_size stays unset.',
      ),
      vmdk_allowed_types: option(
        list(choice('streamOptimized', 'monolithicSparse')),
        'streamOptimized,monolithicSparse',
        'Create types of VMDK images that may be uploaded. All others have their data in more than one file.',
      ),
      gpt_safety_checks_nonfatal: option(
        list(choice('mbr', 'gptmbr')),
        '',
        'Safety checks that an image with a partition table may fail. mbr: that its partitions are valid ones. gptmbr is ' +
          'part of it.',
      ),
    },
  },
  images: {
    help: 'The life of images.',
    options: {
      staging_time: STAGING_OPTION,
      tombstone_days: option(
        integer(0, TOMBSTONE_DAYS_MAX),
        '30',
        'Days for which the id of a deleted image stays taken, as in Glance. All voters must be up for it to be given up.',
      ),
    },
  },
  cluster: {
    help: 'How this node meets the others.',
    options: {
      bind_host: option(
        host,
        '0.0.0.0',
        'Address on which the control and bulk planes listen. Both demand a known node key.',
      ),
      control_port: option(port, '9293', 'Port of the control plane: votes, catch-up, status.'),
      bulk_port: option(port, '9294', 'Port of the bulk plane: chunks.'),
      advertise_host: optional(
        host,
        'Address under which the other nodes reach this one. Unset: the host of its address in the cluster, which is ' +
          'bind_host for a node that comes by `serac init` or `serac join`.',
      ),
      initial_members: multi(
        member,
        'Founds a cluster of several nodes at once, instead of `serac init` on one and `serac join` on the others. One ' +
          'line per node, the same lines on every node; `serac keygen` prints the NODE_ID. Without a zone each node is ' +
          'a failure domain of its own. There must be 1, 3, 5 or 7 voters (the default role). Read only while the ' +
          'store is empty: later changes go through the cluster itself.',
      ),
      ...RENDEZVOUS_OPTIONS,
      key_file: option(path, '$state_path/node.key', "This node's private key; made at the first start."),
      stale_lists: option(
        boolean,
        'false',
        'Without a majority, answer lists with what this node knows (marked as stale) rather than with 503.',
      ),
    },
  },
  replication: {
    help: 'How many copies there are.',
    options: {
      copies: option(
        copies,
        '3',
        'Nodes that hold an image, from four storage nodes on (up to three hold everything). Fixed when its upload begins. ' +
          'The image property serac_replicas goes before, and so do the rules below.',
      ),
      copies_rule: multi(
        copiesRule,
        'Other copies for the images of one visibility or one project. The first rule that fits counts.',
      ),
      durable_copies: option(
        integer(1, COPIES_MAX),
        '2',
        'Nodes that must have an upload on disk before it is acknowledged (W); fewer if the cluster has fewer nodes.',
      ),
    },
  },
  memory: {
    help: 'Upper bounds for image bytes in memory. Above them, transfers wait.',
    options: {
      uploads: option(size(MEMORY_SHARE_BYTES_MIN), '256 MiB', 'For uploads from clients.'),
      downloads: option(size(MEMORY_SHARE_BYTES_MIN), '320 MiB', 'For downloads by clients.'),
      peers: option(size(MEMORY_SHARE_BYTES_MIN), '192 MiB', 'For chunks from and to other nodes.'),
    },
  },
  store: {
    help: 'The disk.',
    options: {
      free_bytes_min: option(
        size(),
        '1 GiB',
        'Free disk space below which uploads get 413. Reads, deletes and votes go on.',
      ),
      reclaim_grace: option(
        duration,
        '24h',
        'How long a chunk that no image and no upload wants is kept, counted while this node runs. 24 times in it, and at ' +
          'most once an hour, the node looks for what is not wanted any more.',
      ),
      ballast: option(
        size(),
        '64 MiB',
        'Reserve file, given up so that a store on a full disk can still be opened.',
      ),
    },
  },
  audit: {
    help: 'Chunks are read back again and again, so that rot is found while other nodes still have the bytes.',
    options: {
      period: option(duration, '7d', 'Time within which every chunk of this node is read.'),
      bytes_per_second_max: option(
        size(AUDIT_RATE_BYTES_MIN),
        '50 MiB',
        'Most bytes read in a second for it, even if the period then does not suffice.',
      ),
    },
  },
  repair: {
    help: 'What the updater does by itself: it brings the images that belong on this node, and gives up those that do not.',
    options: {
      out_after: option(
        duration,
        '15min',
        'A storage node that is silent for so long counts as out: from four storage nodes on, others stand in for it until ' +
          'it is back. Not when more than a third of them vanish together.',
      ),
      bytes_per_second_max: option(
        size(REPAIR_RATE_BYTES_MIN),
        '200 MiB',
        'Most bytes that this node brings in a second. While clients are busy here or elsewhere, it takes a fifth of its time.',
      ),
    },
  },
  operator: {
    help: 'The operator port: a page for browsers, and the same as JSON.',
    options: {
      bind_host: option(
        host,
        '127.0.0.1',
        'Address of the operator port. Whoever can connect to it on loopback is an operator; elsewhere it asks for the token, ' +
          'or for that of an administrator of Keystone.',
      ),
      port: option(port, '9295', 'The operator port.'),
      token: optional(
        secret,
        'What operators say who they are by: "Authorization: Bearer TOKEN". When it is set, it is asked for on loopback, too.',
      ),
    },
  },
  healthcheck: {
    help: 'What load balancers ask.',
    options: {
      disable_by_file_path: option(
        path,
        '/etc/serac/healthcheck_disable',
        'While this file exists, /healthcheck says 503, so that load balancers drain this node.',
      ),
    },
  },
} as const

/** The loaded configuration: each part of the daemon is given only its own section. */
export interface SeracConfig extends ConfigOf<typeof OPTIONS> {
  /** The stores of `enabled_backends`, in its order. */
  backends: BackendConfig[]
}
