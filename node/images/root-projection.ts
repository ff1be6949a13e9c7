/** `root!<manifest root>!<image>` rows: which live images have these bytes. They follow from learner rows (architecture §4). */
import type { LearnerRow } from '../../cluster/register/storage.ts'
import type { WriteOp } from '../store/database.ts'
import { rootKey } from '../store/keyspaces.ts'
import { imageIdOf } from './image-operations.ts'
import { toKnown } from './image-registers.ts'

const EMPTY = Buffer.alloc(0)

/** The rows that change with a learner row. */
export function projectRoots(key: string, row: LearnerRow | null, before: LearnerRow | null): WriteOp[] {
  const id = imageIdOf(key)
  if (id === null) return []
  const old = before && liveRoot(before)
  const now = row && liveRoot(row)
  if (old === now) return []
  const operations: WriteOp[] = []
  if (old) operations.push({ type: 'del', key: rootKey(old, id) })
  if (now) operations.push({ type: 'put', key: rootKey(now, id), value: EMPTY })
  return operations
}

function liveRoot(row: LearnerRow): string | null {
  const { live, record } = toKnown(row.value)
  return live ? (record.data?.root ?? null) : null
}
