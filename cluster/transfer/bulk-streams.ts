/** Moving chunk bytes through HTTP streams at the pace of the slower end, and noticing when the other end hangs. */
import type { IncomingMessage } from 'node:http'
import type { Writable } from 'node:stream'
import { ClusterError } from '../errors.ts'
import type { Clock } from '../runtime.ts'
import { notePieceCopied } from '../young-garbage.ts'
import type { LifeSign } from './life-sign.ts'

/**
 * Bytes per write: small enough that each write that leaves shows the other end alive many times a second on a slow
 * link, large enough to cost nothing (16 writes a chunk).
 */
const WRITE_BYTES = 256 * 1024
const DECIMAL = /^\d{1,15}$/

/**
 * Where the own event loop was late, what came meanwhile is still unread when a timer looks: it looks twice, so much
 * apart.
 */
const SECOND_LOOK_MS = 20

/** Calls `onStall` once when nothing moved for `stallMs`. */
export class StallWatch {
  readonly #clock: Clock
  readonly #sign: LifeSign
  readonly #stallMs: number
  readonly #onStall: () => void
  #cancel: () => void

  constructor(clock: Clock, sign: LifeSign, stallMs: number, onStall: () => void) {
    this.#clock = clock
    this.#sign = sign
    this.#stallMs = stallMs
    this.#onStall = onStall
    this.#cancel = clock.after(stallMs, () => this.#look())
  }

  progress(): void {
    this.#sign.note()
  }

  stop(): void {
    this.#cancel()
  }

  #look(): void {
    const leftMs = Math.ceil(this.#stallMs - this.#sign.silentMs)
    this.#cancel =
      leftMs > 0
        ? this.#clock.after(leftMs, () => this.#look())
        : this.#clock.after(SECOND_LOOK_MS, () => this.#lookAgain())
  }

  #lookAgain(): void {
    if (this.#sign.silentMs >= this.#stallMs) this.#onStall()
    else this.#look()
  }
}

/**
 * Writes `payload` and resolves when all of it has left for the socket, so that its memory may be used again; does not
 * end the stream. Rejects when the stream closes first.
 */
export async function sendPayload(stream: Writable, payload: Buffer, watch: StallWatch): Promise<void> {
  for (let at = 0; at < payload.length; at += WRITE_BYTES) {
    await sendPiece(stream, payload.subarray(at, at + WRITE_BYTES))
    watch.progress()
  }
}

function sendPiece(stream: Writable, piece: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream.destroyed) return reject(cut())
    const onClose = () => reject(cut())
    stream.once('close', onClose)
    stream.write(piece, (error) => {
      stream.off('close', onClose)
      if (error) reject(cut(error))
      else resolve()
    })
  })
}

/** The announced length of a body. Every body of this plane has one: BAD_FRAME without, MESSAGE_TOO_LARGE above `bytesMax`. */
export function announcedBytes(message: IncomingMessage, bytesMax: number): number {
  const header = message.headers['content-length'] ?? ''
  if (!DECIMAL.test(header)) throw new ClusterError('BAD_FRAME', 'the body has no Content-Length')
  const bytes = Number(header)
  if (bytes > bytesMax)
    throw new ClusterError('MESSAGE_TOO_LARGE', 'the body is over its cap', { bytes, bytesMax })
  return bytes
}

/**
 * Reads exactly `room.length` bytes of the body into `room`, which nothing touches once this has settled. Rejects with
 * BAD_FRAME on any other length, PEER_UNREACHABLE when the connection closes first.
 */
export async function receivePayload(
  message: IncomingMessage,
  room: Buffer,
  watch: StallWatch,
): Promise<void> {
  let receivedBytes = 0
  message.on('data', (piece: Buffer) => {
    watch.progress()
    if (receivedBytes < room.length) piece.copy(room, receivedBytes)
    receivedBytes += piece.length
    notePieceCopied(piece.length)
  })
  await bodyEnd(message)
  if (receivedBytes !== room.length) {
    throw new ClusterError('BAD_FRAME', 'the body has another length than announced', {
      receivedBytes,
      announcedBytes: room.length,
    })
  }
}

/** Resolves at the end of a whole body; rejects when the connection closes before it. */
function bodyEnd(message: IncomingMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    if (message.destroyed) return reject(cut())
    message.once('end', resolve)
    message.once('error', (error) => reject(cut(error)))
    message.once('close', () => reject(cut()))
  })
}

function cut(cause?: unknown): ClusterError {
  return new ClusterError('PEER_UNREACHABLE', 'the connection closed in mid-transfer', {}, cause)
}
