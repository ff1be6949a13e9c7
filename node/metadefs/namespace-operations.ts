/**
 * Everything that may happen to a namespace itself, as operations on its register (R3); what happens to its parts is next
 * door. How a name comes to a namespace: name-claims.ts.
 */
import type { OperationTable } from '../../cluster/register/operations.ts'
import { operation, refuse, type Timed } from '../images/image-decisions.ts'
import { contentOperations, type ContentOperationArgs } from './content-operations.ts'
import { nameOperations, type NameOperationArgs } from './name-operations.ts'
import {
  changed,
  onGrantedNamespace,
  refuseIfProtected,
  tombstoneOf,
  touched,
  writeNamespace,
  type GrantedArgs,
} from './namespace-decisions.ts'
import type { NamespaceFields, NamespaceRecord } from './namespace-record.ts'
import { partOperations, type PartOperationArgs } from './part-operations.ts'

export interface CreateNamespaceArgs {
  record: NamespaceRecord
}

export interface BeginRenameArgs extends GrantedArgs {
  /** On the name that is to be taken. */
  claim: string
}

export interface UpdateNamespaceArgs extends GrantedArgs {
  fields: NamespaceFields
  /** The claim on the name, when it is another one; else null. */
  claim: string | null
}

export interface FenceArgs extends Timed {
  id: string
  claim: string
}

/** The name is claimed before; whoever ended that claim (`metadef.fence`) has left a tombstone here. */
const create = operation<CreateNamespaceArgs>((current, { record }) =>
  current ? changed() : writeNamespace(record),
)

/** A rename that was begun before is over: it finds its claim gone. */
const beginRename = onGrantedNamespace<BeginRenameArgs>((namespace, { claim }) =>
  writeNamespace({ ...namespace, renaming: claim }),
)

const update = onGrantedNamespace<UpdateNamespaceArgs>((namespace, { fields, claim, now }) => {
  const next = touched({ ...namespace, ...fields }, now)
  if (fields.name === namespace.name) return writeNamespace(next)
  return claim !== null && namespace.renaming === claim
    ? writeNamespace({ ...next, claim, renaming: null })
    : changed()
})

const remove = onGrantedNamespace<GrantedArgs>(
  (namespace, { now }) =>
    refuseIfProtected(namespace) ?? {
      kind: 'write',
      next: { live: false, record: tombstoneOf(namespace.id, now) },
    },
)

/**
 * Sees to it that a claim on a name never leads to anything, wherever it stands: what was to be created will not be, a
 * rename will find its claim gone. Refused with CONFLICT when the name already is the namespace's by it.
 */
const fence = operation<FenceArgs>((current, { id, claim, now }) => {
  if (!current) return { kind: 'write', next: { live: false, record: tombstoneOf(id, now) } }
  if (!current.live) return { kind: 'keep' }
  const namespace = current.record as NamespaceRecord
  if (namespace.claim === claim) return refuse('CONFLICT', `There is a namespace ${namespace.name} already.`)
  return namespace.renaming === claim ? writeNamespace({ ...namespace, renaming: null }) : { kind: 'keep' }
})

export const metadefOperations: OperationTable = {
  'metadef.create': create,
  'metadef.begin-rename': beginRename,
  'metadef.update': update,
  'metadef.delete': remove,
  'metadef.fence': fence,
  ...nameOperations,
  ...partOperations,
  ...contentOperations,
}

/** Arguments by operation, so that a caller cannot mix them up. */
export interface MetadefOperationArgs extends NameOperationArgs, PartOperationArgs, ContentOperationArgs {
  'metadef.create': CreateNamespaceArgs
  'metadef.begin-rename': BeginRenameArgs
  'metadef.update': UpdateNamespaceArgs
  'metadef.delete': GrantedArgs
  'metadef.fence': FenceArgs
}
