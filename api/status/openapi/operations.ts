/** Every operation of the operator port: a test holds this table to the routes that there are. */
import { INSPECTED_MAX } from '../../../node/status/copy-inspection.ts'
import { TASK_STATUSES } from '../../../node/tasks/task-record.ts'
import { LOAD_MODES } from '../../../node/status/metadef-admin.ts'
import { EVENTS_MAX, PAGE_MAX } from '../cluster-requests.ts'
import { integer, oneOf, text, type Schema } from './schema-words.ts'

export interface Operation {
  summary: string
  /** Name of the schema of the body; `bytes` for those of an image. */
  body?: string
  query?: Readonly<Record<string, Schema>>
  /** By status: name of the schema; null: nothing; `text`, `bytes`, `any` for what is no document of ours. */
  answers: Readonly<Record<number, string | null>>
  isPublic?: true
}

const bounded = (schema: Schema, maximum: number): Schema => ({ ...schema, minimum: 1, maximum })
const adoptedStores = text(
  'Ids, with commas between them, of stores that have the bytes of the image under its id.',
)
/** Whatever the plan objects. */
const force = oneOf(['true', 'false'])
const loopChange = { body: 'LoopChanges', answers: { 200: 'LoopState' } }

/** By path, as OpenAPI writes it, then by method. */
export const OPERATIONS: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/healthcheck': {
    get: {
      summary: 'Whether the process answers and is not drained.',
      answers: { 200: 'text', 503: 'text' },
      isPublic: true,
    },
  },
  '/metrics': { get: { summary: 'Metrics for Prometheus.', answers: { 200: 'text' } } },
  '/v1/openapi.json': { get: { summary: 'This document.', answers: { 200: 'any' } } },
  '/v1/cluster/status': {
    get: { summary: 'How the cluster is; the unreachable is unknown.', answers: { 200: 'ClusterStatus' } },
  },
  '/v1/cluster/nodes': { get: { summary: 'The members.', answers: { 200: 'Nodes' } } },
  '/v1/cluster/nodes/{id}': {
    put: {
      summary: 'Changes address, zone or weight of a member.',
      body: 'MemberChanges',
      answers: { 200: 'Member' },
    },
    delete: {
      summary: 'Takes a member that does not vote out of the cluster; refused while the plan objects.',
      query: { force },
      answers: { 204: null },
    },
  },
  '/v1/cluster/nodes/{id}/removal': {
    get: { summary: 'What that would move and risk. Changes nothing.', answers: { 200: 'DeparturePlan' } },
  },
  '/v1/cluster/nodes/{id}/drain': {
    get: { summary: 'What a drain would move. Changes nothing.', answers: { 200: 'DeparturePlan' } },
    put: {
      summary: 'Has a member give its copies to the others; refused while the plan objects.',
      query: { force },
      answers: { 200: 'DeparturePlan' },
    },
    delete: { summary: 'Lets it take copies and requests again.', answers: { 204: null } },
  },
  '/v1/cluster/voters': {
    post: {
      summary:
        'Makes exactly these members the voters. 202: it has begun, and the status tells how far it is.',
      body: 'VotersRequest',
      answers: { 200: 'VoterChange', 202: 'VoterChange' },
    },
  },
  '/v1/cluster/voters/change': {
    delete: { summary: 'Gives a change of the voters up.', answers: { 204: null } },
  },
  '/v1/cluster/invites': {
    get: {
      summary: 'The invites that have not expired, without what one could join by.',
      answers: { 200: 'Invites' },
    },
    post: { summary: 'An invite for one node.', body: 'InviteRequest', answers: { 201: 'Invite' } },
  },
  '/v1/cluster/invites/{id}': {
    delete: { summary: 'Revokes an invite that nobody has joined by.', answers: { 204: null } },
  },
  '/v1/cluster/loops': {
    get: { summary: 'The background loops of the node that is asked.', answers: { 200: 'Loops' } },
  },
  '/v1/cluster/loops/{name}': {
    post: { summary: 'Pauses, resumes or paces a loop of this node, until it starts again.', ...loopChange },
  },
  '/v1/cluster/nodes/{id}/loops/{name}': {
    post: { summary: 'The same on any node.', ...loopChange },
  },
  '/v1/cluster/cache': {
    get: { summary: 'What is in the image caches, by node.', answers: { 200: 'Caches' } },
    post: {
      summary: 'Changes the image cache of one node, or of every node that has one.',
      body: 'CacheRequest',
      answers: { 200: 'CacheOutcome' },
    },
  },
  '/v1/cluster/images': {
    get: {
      summary: 'Which node has what of which image, a page at a time.',
      query: {
        after: text('`next` of the page before.'),
        limit: bounded(integer(), INSPECTED_MAX),
        show: oneOf(['all', 'attention']),
        search: text('Part of the name or of the id.'),
      },
      answers: { 200: 'ImageMap' },
    },
  },
  '/v1/cluster/events': {
    get: {
      summary: 'What happened lately, the newest first.',
      query: { limit: bounded(integer(), EVENTS_MAX) },
      answers: { 200: 'Events' },
    },
  },
  '/v1/cluster/capacity': {
    get: { summary: 'How full the disks were over time.', answers: { 200: 'Capacity' } },
  },
  '/v1/cluster/mutes': {
    post: {
      summary: 'Mutes a check that holds and is not critical. `seconds` null ends it: 204.',
      body: 'MuteRequest',
      answers: { 200: 'Mute', 204: null },
    },
  },
  '/v1/cluster/deleted-images': {
    get: { summary: 'Deleted images that can still be had back.', answers: { 200: 'DeletedImages' } },
  },
  '/v1/cluster/deleted-images/{id}/restore': {
    post: { summary: 'Takes a deleted image back.', answers: { 204: null } },
  },
  '/v1/cluster/stores': {
    get: { summary: 'The stores, and how much is in each.', answers: { 200: 'Stores' } },
  },
  '/v1/cluster/stores/{id}/images': {
    get: {
      summary: 'Images that have their bytes in a store, a page at a time.',
      query: { marker: text('`marker` of the page before.'), limit: bounded(integer(), PAGE_MAX) },
      answers: { 200: 'StoreImages' },
    },
  },
  '/v1/cluster/stores/{id}/images/{image}/move': {
    post: {
      summary:
        'Moves an image from this store to another, or goes on with that. Answers soon: ask again until it is `moved` or `present`.',
      body: 'StoreMoveRequest',
      answers: { 200: 'StoreMove' },
    },
  },
  '/v1/cluster/tasks': {
    get: {
      summary: 'Tasks of all projects, the latest first, a page at a time.',
      query: {
        status: oneOf(TASK_STATUSES),
        marker: text('`marker` of the page before.'),
        limit: bounded(integer(), PAGE_MAX),
      },
      answers: { 200: 'Tasks' },
    },
  },
  '/v1/cluster/tasks/{id}': {
    get: { summary: 'All that is known of a task.', answers: { 200: 'Task' } },
    delete: { summary: 'Forgets a task that is over.', answers: { 204: null } },
  },
  '/v1/cluster/staged-images': {
    get: {
      summary: 'Images with bytes that were sent ahead of an import, the oldest first.',
      answers: { 200: 'StagedImages' },
    },
  },
  '/v1/cluster/staged-images/{id}': {
    delete: { summary: 'Lets go of these bytes: the image is queued again.', answers: { 204: null } },
  },
  '/v1/cluster/metadefs': {
    get: { summary: 'All metadata definitions.', answers: { 200: 'Namespaces' } },
    post: {
      summary: 'Loads one namespace, in the form of the files that come with Glance.',
      body: 'any',
      query: { mode: oneOf(LOAD_MODES) },
      answers: { 200: 'NamespaceLoaded' },
    },
  },
  '/v1/cluster/metadefs/{namespace}': {
    delete: { summary: 'Takes a namespace out.', answers: { 200: 'NamespaceRemoved' } },
  },
  '/v1/import/images/{id}': {
    put: {
      summary:
        'What is said of an image that comes from another store. With `stores` its bytes are looked for there, compared and ' +
        'named: ask again while it is `verifying`.',
      body: 'MovedImage',
      query: { overwrite: oneOf(['true', 'false']), stores: adoptedStores },
      answers: { 200: 'Arrival' },
    },
  },
  '/v1/import/images/{id}/compare': {
    post: {
      summary:
        'How an image stands here. Changes nothing. With `stores`: 404 when it is neither here nor there.',
      body: 'MovedImage',
      query: { stores: adoptedStores },
      answers: { 200: 'Arrival' },
    },
  },
  '/v1/import/images/{id}/file': {
    put: { summary: 'The bytes of an image that comes.', body: 'bytes', answers: { 204: null } },
  },
  '/v1/export/images': {
    get: {
      summary: 'Images with all that is said of them, a page at a time.',
      query: { marker: text(), limit: bounded(integer(), 1000) },
      answers: { 200: 'MovedImages' },
    },
  },
  '/v1/export/images/{id}/file': {
    get: { summary: 'The bytes of an image.', answers: { 200: 'bytes' } },
  },
}
