/** The codes of all checks that the status can have. Alerts and mutes go by them: a code keeps its meaning. */
export const CHECK_CODES = [
  'NO_QUORUM',
  'NODE_DOWN',
  'CATCHING_UP',
  'NO_REDUNDANCY',
  'UNAVAILABLE',
  'COPIES_UNKNOWN',
  'UNDER_REPLICATED',
  'NODE_OUT',
  'REPAIR_BRAKED',
  'ZONE_SPREAD',
  'MISPLACED',
  'PEER_REFUSED',
  'VOTERS_CHANGING',
  'READMISSION',
  'NOT_VOTING',
  'TOMBSTONES_BLOCKED',
  'STORE_NOT_WRITABLE',
  'STORE_FULL',
  'REGISTERS_LOST',
  'INDEX_REBUILT',
  'CHUNKS_LOST',
  'CHUNKS_DAMAGED',
  'RECORDS_DIFFERED',
  'LOOP_PAUSED',
] as const

export type CheckCode = (typeof CHECK_CODES)[number]
