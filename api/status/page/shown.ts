/** What every view is given. */
import type { Check, ClusterStatus } from '../../../node/status/status-types.ts'
import type { BacklogPoint } from './backlog.ts'

export type MuteSubject = Pick<Check, 'code' | 'who'>

export interface Shown {
  status: ClusterStatus
  /** The page's clock, ms. */
  now: number
  /** The status is too old to be believed. */
  isStale: boolean
  backlog: readonly BacklogPoint[]
  /** Asks for the status now. */
  refresh: () => void
  /** Tells the operator what came of something, also by a screen reader. */
  say: (text: string) => void
  /** Asks for how long a check shall be muted. */
  mute: (subject: MuteSubject) => void
}
