/**
 * The kinds of events. In the log they stand as `event`, in the timeline as `kind`; there a check has its code in their place.
 * Both are to build on: a name keeps its meaning.
 */
import { CHECK_CODES, type CheckCode } from './check-codes.ts'

export const EVENT_KINDS = {
  NODE_STARTED: 'This node has started.',
  NODE_STOPPING: 'This node stops in order.',
  NODE_ALIVE: 'A node answers.',
  NODE_SUSPECT: 'A node is silent.',
  NODE_DEAD: 'A node does not answer any more.',
  NODE_JOINED: 'A node is a member now.',
  NODE_REMOVED: 'A node is no member any more.',
  NODE_CHANGED: 'A member has another address, zone, weight or role, or is drained or so no more.',
  VOTERS_CHANGED: 'Other nodes vote than before.',
  CONFIG_CHANGED: 'Another epoch of the cluster config is in force.',
  INVITE_MADE: 'An operator has made an invite at this node.',
  INVITE_REVOKED: 'An operator has revoked an invite at this node.',
  CHUNK_DAMAGED: 'This node has found a chunk damaged and set it aside.',
  CACHE_SET: 'An operator has queued images for the image cache, or taken some out.',
  LOOP_SET: 'An operator has paused, resumed or paced a loop of this node.',
  MUTED: 'An operator has muted a check at this node, or ended that.',
} as const

/** Of checks, whose code is the field `check` then. */
export const CHECK_EVENTS = {
  CHECK_RAISED: 'A check of the status holds.',
  CHECK_CLEARED: 'It does not hold any more.',
} as const

export type EventKind = keyof typeof EVENT_KINDS

export function isCheckCode(kind: EventKind | CheckCode): kind is CheckCode {
  return CHECK_CODES.some((code) => code === kind)
}
