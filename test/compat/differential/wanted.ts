/** The differences from Glance 25.1 that are wanted, each with its reason. A row that explains nothing fails the run. */

export const REASONS = {
  wording: 'messages are in words of our own; clients go by status and form',
} as const

export type Reason = keyof typeof REASONS

/** Which differences it explains; `*` stands for any text, and what is left out for anything. */
export interface WantedDifference {
  because: Reason
  /** Name of the case. */
  in?: string
  /** METHOD and path as the case has them. */
  request?: string
  field: string
  glance?: unknown
  serac?: unknown
}

export const WANTED: readonly WantedDifference[] = [{ because: 'wording', field: 'body.message' }]
