/** Records, callers and operations for the tests of the image modules. */
import type { Decision, RecordState } from '../../../cluster/register/operations.ts'
import { imageOperations, type ImageOperationArgs } from '../../../node/images/image-operations.ts'
import type { Grant } from '../../../node/images/image-policy.ts'
import type { ImageMember, ImageRecord } from '../../../node/images/image-record.ts'
import type { Caller, ImageQuery } from '../../../node/images/image-requests.ts'

export const ID = '7f1c7a3e-0c5b-4b53-9a0f-6f1f0a8f2d10'
export const PROJECT = 'project-1'
export const NOW = '2026-01-01T12:00:00Z'
export const LATER = '2026-01-01T13:00:00Z'
export const UPLOAD_ID = 'ab'.repeat(16)
export const ROOT = '0d'.repeat(32)
export const quotas = { properties: 3, tags: 3 }

export function callerOf(fields: Partial<Caller> = {}): Caller {
  return {
    userId: 'user-1',
    userDomainId: 'default',
    projectId: PROJECT,
    projectDomainId: 'default',
    domainId: null,
    systemScope: null,
    roles: ['member', 'reader'],
    isAdminProject: true,
    isAdmin: false,
    serviceRoles: [],
    requestId: 'req-1',
    ...fields,
  }
}

/** What a caller was allowed without a look at the image. */
export function grantOf({ projectId, isAdmin, roles }: Caller, basis: Grant['basis'] = {}): Grant {
  return { caller: { projectId, isAdmin, roles: [...roles] }, basis }
}

export const owner = callerOf()
export const reader = callerOf({ roles: ['reader'] })
export const stranger = callerOf({ projectId: 'project-2' })
export const admin = callerOf({ projectId: 'admin', isAdmin: true, roles: ['admin', 'member', 'reader'] })

export function imageOf(fields: Partial<ImageRecord> = {}): ImageRecord {
  return {
    id: ID,
    name: 'cirros',
    status: 'queued',
    visibility: 'shared',
    protected: false,
    hidden: false,
    owner: PROJECT,
    containerFormat: 'bare',
    diskFormat: 'qcow2',
    minDisk: 0,
    minRam: 0,
    size: null,
    virtualSize: null,
    checksum: null,
    hashAlgo: null,
    hashValue: null,
    createdAt: NOW,
    updatedAt: NOW,
    deletedAt: null,
    tags: [],
    properties: {},
    members: [],
    data: null,
    upload: null,
    ...fields,
  }
}

export const upload = { uploadId: UPLOAD_ID, node: 'node-a', startNonce: '1'.repeat(16) }
export const data = { root: ROOT, chunkSizeBytes: 4194304, copies: null, uploadId: UPLOAD_ID }

export function savingImage(fields: Partial<ImageRecord> = {}): ImageRecord {
  return imageOf({ status: 'saving', upload, ...fields })
}

export function activeImage(fields: Partial<ImageRecord> = {}): ImageRecord {
  return imageOf({
    status: 'active',
    data,
    size: 5,
    checksum: 'c5',
    hashAlgo: 'sha512',
    hashValue: 'd5',
    ...fields,
  })
}

export function memberOf(memberId: string, status: ImageMember['status'] = 'accepted'): ImageMember {
  return { memberId, status, createdAt: NOW, updatedAt: NOW }
}

export function live(record: ImageRecord): RecordState {
  return { live: true, record }
}

/** What an operation decides about a register. */
export function decide<Name extends keyof ImageOperationArgs>(
  name: Name,
  current: RecordState | null,
  args: ImageOperationArgs[Name],
): Decision {
  const operation = imageOperations[name]
  if (!operation) throw new Error(`no operation ${name}`)
  return operation(current, args)
}

/** The record that an operation writes. */
export function written(decision: Decision): ImageRecord {
  if (decision.kind !== 'write') throw new Error(`nothing is written: ${JSON.stringify(decision)}`)
  return decision.next.record as ImageRecord
}

export function queryOf(fields: Partial<ImageQuery> = {}): ImageQuery {
  return {
    limit: 25,
    marker: null,
    sort: [],
    filters: [],
    visibility: null,
    memberStatus: 'accepted',
    ...fields,
  }
}
