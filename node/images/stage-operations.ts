/**
 * Bytes are sent ahead of their import (glance-api.md §9.2): they are an upload that ends without making the image active.
 * What was staged belongs to the record, so that any node can import it.
 */
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import {
  onLiveImage,
  onUpload,
  recheck,
  refuse,
  touch,
  write,
  type CalledArgs,
  type Timed,
} from './image-decisions.ts'
import type { ImageRecord, ImageUpload, StagedData } from './image-record.ts'

export interface StartStageArgs extends CalledArgs {
  upload: ImageUpload
}

export interface FinishStageArgs extends Timed {
  uploadId: UploadId
  staged: StagedData
}

/** `uploadId`: of the stage, under way or done. */
export interface EndStageArgs extends Timed {
  uploadId: UploadId
}

const startStage = onLiveImage<StartStageArgs>((record, { grant, upload, now }) => {
  const denied = recheck(grant, record)
  if (denied) return denied
  if (record.status !== 'queued')
    return refuse('CONFLICT', `Image status transition from ${record.status} to uploading is not allowed`)
  if (record.arriving)
    return refuse('CONFLICT', `Image ${record.id} is being moved here; its data is on its way.`)
  return write(touch({ ...record, status: 'uploading', upload }, now))
})

const finishStage = onUpload<FinishStageArgs>(
  (record, { staged, now }) =>
    write(touch({ ...record, upload: null, staged, size: staged.sizeBytes, virtualSize: null }, now)),
  ['uploading'],
)

const abortStage = onUpload<EndStageArgs>(
  (record, { now }) => write(touch(unstaged(record), now)),
  ['uploading'],
)

/** Nobody has come to import it. Asked for by the reaper alone. */
const expireStage = onLiveImage<EndStageArgs>((record, { uploadId, now }) =>
  record.status === 'uploading' && !record.upload && record.staged?.uploadId === uploadId
    ? write(touch(unstaged(record), now))
    : refuse('CONFLICT', `Image ${record.id} is ${record.status}: these bytes do not wait any more.`),
)

export const stageOperations = {
  'image.start-stage': startStage,
  'image.finish-stage': finishStage,
  'image.abort-stage': abortStage,
  'image.expire-stage': expireStage,
}

export interface StageOperationArgs {
  'image.start-stage': StartStageArgs
  'image.finish-stage': FinishStageArgs
  'image.abort-stage': EndStageArgs
  'image.expire-stage': EndStageArgs
}

/** Queued, as before anything was sent. */
export function unstaged(record: ImageRecord): ImageRecord {
  const { staged: _, ...rest } = record
  return { ...rest, status: 'queued', upload: null, size: null, virtualSize: null }
}
