/** A worker thread that hashes: checksums of images chunk by chunk, and BLAKE3 names. It runs its messages in order. */
import { createHash, type Hash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { contentHashHex } from '../../cluster/content-hash.ts'
import { CHUNK_BYTES_MAX } from '../../cluster/transfer/chunk-buffer.ts'
import { nodeNameOf } from './hash-algorithms.ts'
import type { ChunkName, ChunkPlace, HashReply, HashRequest } from './hash-messages.ts'

const sessions = new Map<number, Hash>()
const zeros = Buffer.alloc(CHUNK_BYTES_MAX)

parentPort?.on('message', handle)

function handle(request: HashRequest): void {
  switch (request.kind) {
    case 'open':
      sessions.set(request.session, createHash(nodeNameOf(request.checksum)))
      return
    case 'update': {
      const bytes = bytesAt(request.place)
      // Before the slower checksum, so that storing can begin.
      if (request.name) reply({ kind: 'named', task: request.task, name: nameOf(bytes) })
      checksumOf(request.session).update(bytes)
      return reply({ kind: 'done', task: request.task, digest: '' })
    }
    case 'finish':
      return reply({ kind: 'done', task: request.task, digest: checksumOf(request.session).digest('hex') })
    case 'drop':
      sessions.delete(request.session)
      return
    case 'name':
      return reply({ kind: 'done', task: request.task, digest: contentHashHex(bytesAt(request.place)) })
  }
}

/** A session that is not there is a programmer's error: it ends the worker, and so the uploads that rely on it. */
function checksumOf(session: number): Hash {
  const checksum = sessions.get(session)
  if (!checksum) throw new Error(`no hash session ${session}`)
  return checksum
}

function reply(message: HashReply): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(message)
}

function bytesAt({ memory, offsetBytes, lengthBytes }: ChunkPlace): Buffer {
  return Buffer.from(memory, offsetBytes, lengthBytes)
}

/** Comparing with zeros ends at the first other byte: it costs nothing for ordinary chunks. */
function nameOf(bytes: Buffer): ChunkName {
  return bytes.equals(zeros.subarray(0, bytes.length)) ? null : contentHashHex(bytes)
}
