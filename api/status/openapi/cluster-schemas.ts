/** Schemas of everything but the status: members, history, images, moving. */
import { CACHE_ACTIONS, CACHE_PARTS } from '../../../node/status/cache-admin.ts'
import { TASK_STATUSES } from '../../../node/tasks/task-record.ts'
import { MUTE_REASON_LENGTH_MAX, MUTE_SECONDS_MAX } from '../../../node/status/mutes.ts'
import {
  flag,
  integer,
  listOf,
  mapOf,
  nodeId,
  number,
  object,
  oneOf,
  orNull,
  ref,
  text,
  time,
  type Schema,
} from './schema-words.ts'

const member = {
  id: nodeId,
  address: text('host:port of its control plane.'),
  role: oneOf(['voter', 'storage', 'edge']),
  zone: orNull(text()),
  weight: number('Its share of the data, relative to the others.'),
}

/** Absent: it is not. */
const drained = { drained: flag() }

const imageSum = object({ images: integer(), bytes: integer('Of them all.') })

const movedImage = object({
  id: { type: 'string', format: 'uuid' },
  name: orNull(text()),
  status: oneOf(['queued', 'active', 'deactivated']),
  visibility: oneOf(['public', 'community', 'shared', 'private']),
  protected: flag(),
  hidden: flag(),
  owner: orNull(text()),
  containerFormat: orNull(text()),
  diskFormat: orNull(text()),
  minDisk: integer('GiB.'),
  minRam: integer('MiB.'),
  size: orNull(integer()),
  virtualSize: orNull(integer()),
  checksum: orNull(text('MD5.')),
  hashAlgo: orNull(text()),
  hashValue: orNull(text()),
  createdAt: time,
  updatedAt: time,
  tags: listOf(text()),
  properties: mapOf(orNull(text())),
  members: listOf(
    object({
      memberId: text(),
      status: oneOf(['pending', 'accepted', 'rejected']),
      createdAt: time,
      updatedAt: time,
    }),
  ),
  hasBytes: flag('Whether the bytes come along.'),
  locations: listOf(object({ url: text(), metadata: mapOf({}) })),
})

const arrival = object(
  { state: oneOf(['absent', 'complete', 'bytes-wanted', 'busy', 'taken', 'differs', 'verifying']) },
  {
    isChanged: flag('By this very request.'),
    status: text(),
    differences: listOf(text()),
    sizeBytes: integer('Of what is verified.'),
    doneBytes: integer(),
  },
)

const task = {
  id: text(),
  type: text(),
  status: oneOf(TASK_STATUSES),
  owner: orNull(text(), 'Project of whoever asked for it.'),
  imageId: text(),
  message: text('How far it is, or why it failed.'),
  createdAt: time,
  updatedAt: time,
  expiresAt: orNull(time, 'When it is forgotten; null: it is not over.'),
  node: text('Id of the node that works on it, or did.'),
}

export const clusterSchemas: Readonly<Record<string, Schema>> = {
  Error: object({ error: object({ status: integer(), message: text('For people.') }) }),
  Member: object(member, drained),
  DeparturePlan: object({
    kind: oneOf(['drain', 'remove']),
    node: nodeId,
    epoch: integer(),
    held: orNull(imageSum, 'What it holds in full; null: it does not answer.'),
    toMove: imageSum,
    onlyHere: imageSum,
    objections: listOf(text('Why it is refused.')),
    warnings: listOf(text()),
  }),
  Nodes: object({
    clusterId: text(),
    epoch: integer(),
    joint: orNull(listOf(nodeId), 'The voters to come while they change.'),
    nodes: listOf(
      object({ ...member, votes: flag(), state: oneOf(['alive', 'suspect', 'dead', 'unknown']) }, drained),
    ),
    invites: object({ open: integer(), refusedJoins: integer() }),
  }),
  MemberChanges: object(
    {},
    { address: text('host:port'), zone: orNull(text()), weight: { type: 'number', exclusiveMinimum: 0 } },
  ),
  VotersRequest: object({ voters: listOf(nodeId, '1, 3, 5 or 7 of them.') }, { dryRun: flag() }),
  VoterChange: object({
    state: oneOf(['planned', 'running', 'done']),
    plan: object({
      epoch: integer(),
      from: listOf(nodeId),
      to: listOf(nodeId),
      joining: listOf(nodeId),
      leaving: listOf(nodeId),
      registers: integer(),
      warnings: listOf(text()),
    }),
  }),
  InviteRequest: object(
    {},
    { expiresSeconds: integer(), byAddresses: flag('It names the voters, also where the rendezvous is on.') },
  ),
  Invite: object({
    id: text('What it is called when it is revoked.'),
    token: text('Secret: whoever has it may join once.'),
    expiresAt: time,
  }),
  Invites: object({
    invites: listOf(
      object({
        id: text(),
        state: oneOf(['open', 'used', 'revoked']),
        expiresAt: time,
        usedBy: orNull(nodeId),
      }),
    ),
  }),
  Loops: object({ node: nodeId, loops: listOf(ref('LoopState')) }),
  LoopChanges: object({}, { paused: flag(), rate: orNull(number('A second; null: as the loop thinks.')) }),
  Caches: object({
    nodes: listOf(
      object({
        node: nodeId,
        api: orNull(text(), 'URL of its Glance API.'),
        cache: orNull(
          object({
            figures: orNull(ref('CacheFigures'), 'null: it has no cache.'),
            images: listOf(
              object({
                imageId: text(),
                hits: integer(),
                sizeBytes: integer(),
                lastAccessedMs: number('Since 1970.'),
                cachedAtMs: number('Since 1970.'),
              }),
            ),
            queued: listOf(text('Id of an image that is to be brought.')),
          }),
          'null: it does not answer.',
        ),
      }),
    ),
  }),
  CacheRequest: object(
    { action: oneOf(CACHE_ACTIONS) },
    {
      image: orNull(text('To queue and to delete: its id.')),
      part: orNull(oneOf(CACHE_PARTS), 'To clear; null: both.'),
      node: orNull(nodeId, 'null: every node that has a cache.'),
    },
  ),
  CacheOutcome: object({
    nodes: listOf(
      object({ node: nodeId, changed: integer('Images.'), error: orNull(text('Why it was not done.')) }),
    ),
  }),
  DeletedImages: object({
    images: listOf(
      object({
        id: text(),
        name: orNull(text()),
        owner: orNull(text()),
        size: orNull(integer()),
        deletedAt: orNull(time),
      }),
    ),
  }),
  Stores: object({
    stores: listOf(
      object({
        id: text(),
        type: text(),
        isDefault: flag(),
        isReadOnly: flag(),
        weight: integer(),
        description: orNull(text()),
        images: object({ images: integer(), bytes: integer() }),
        only: object({ images: integer(), bytes: integer() }),
        state: orNull(oneOf(['ok', 'partly', 'down', 'unknown']), 'null: it is no back end.'),
        failure: orNull(text(), 'Why some node cannot use it.'),
        discarded: integer('Objects that images no longer have and that wait for their end.'),
      }),
    ),
  }),
  StoreImages: object({
    images: listOf(
      object({
        id: text(),
        name: orNull(text()),
        status: text(),
        sizeBytes: orNull(integer()),
        stores: listOf(text()),
      }),
    ),
    marker: orNull(text(), 'For the next page.'),
  }),
  StoreMoveRequest: object(
    { to: text('Id of a store.') },
    {
      keepSource: flag('The image stays where it is as well.'),
      bytesPerSecondMax: orNull(number('Of all moves of this node together.')),
    },
  ),
  StoreMove: object(
    { state: oneOf(['copying', 'verifying', 'moved', 'present', 'busy', 'absent', 'failed']) },
    { sizeBytes: integer(), doneBytes: integer(), why: text() },
  ),
  Tasks: object({ tasks: listOf(object(task)), marker: orNull(text(), 'For the next page.') }),
  Task: object({
    ...task,
    userId: orNull(text()),
    requestId: text(),
    input: mapOf({}),
    result: orNull(mapOf({})),
  }),
  StagedImages: object({
    images: listOf(
      object({
        id: text(),
        name: orNull(text()),
        owner: orNull(text()),
        sizeBytes: integer(),
        stagedAt: time,
        problem: orNull(text(), 'Why it cannot be imported as it is.'),
        isImported: flag('Just now.'),
      }),
    ),
  }),
  ImageMap: object({
    nodes: listOf(nodeId),
    images: listOf(
      object({
        id: text(),
        name: orNull(text()),
        status: text(),
        sizeBytes: orNull(integer()),
        createdAt: time,
        copies: orNull(integer(), 'null: one on every storage node.'),
        cells: listOf(
          object({
            node: nodeId,
            state: oneOf(['full', 'partial', 'missing', 'corrupt', 'unknown', 'none']),
            placed: flag('Whether it belongs there.'),
            chunks: orNull(object({ present: integer(), damaged: integer(), total: integer() })),
          }),
        ),
      }),
    ),
    next: orNull(text(), 'What `after` is for the next page.'),
    ageSeconds: number(),
    as_of: time,
  }),
  Events: object({
    events: listOf(
      object({
        kind: text('See ARCHITECTURE.md, events.'),
        severity: oneOf(['good', 'info', 'warning', 'critical']),
        who: orNull(text()),
        text: text(),
        at: time,
        count: integer('How often within a minute.'),
        seenBy: listOf(nodeId),
      }),
    ),
    silent: listOf(nodeId, 'Nodes that did not answer.'),
    as_of: time,
  }),
  Capacity: object({
    nodes: listOf(
      object({
        id: nodeId,
        samples: orNull(
          listOf(object({ atMs: number(), storedBytes: number(), freeBytes: number() })),
          'null: it did not answer.',
        ),
      }),
    ),
    as_of: time,
  }),
  MuteRequest: object(
    { code: text(), seconds: { type: ['integer', 'null'], minimum: 1, maximum: MUTE_SECONDS_MAX } },
    { who: orNull(text()), reason: { type: 'string', maxLength: MUTE_REASON_LENGTH_MAX } },
  ),
  Mute: object({ code: text(), who: orNull(text()), reason: text(), until: time }),
  Namespaces: object({ namespaces: listOf(mapOf({}, 'As in the files of Glance.')) }),
  NamespaceLoaded: object({ namespace: text(), result: oneOf(['created', 'changed', 'unchanged']) }),
  NamespaceRemoved: object({ namespace: text(), removed: flag() }),
  MovedImage: movedImage,
  Arrival: arrival,
  MovedImages: object({
    images: listOf(ref('MovedImage')),
    unfinished: listOf(text(), 'Ids that are left out, since somebody works on them.'),
    marker: orNull(text(), 'For the next page.'),
  }),
}
