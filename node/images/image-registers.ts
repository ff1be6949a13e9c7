/** Image records on the registers: decodes values, turns refusals into errors, keeps the index up to date. */
import { hasCode } from '../../cluster/errors.ts'
import { decodeValue } from '../../cluster/register/register-value.ts'
import type { Registers } from '../../cluster/register/registers.ts'
import type { LearnerRow } from '../../cluster/register/storage.ts'
import type { Random } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import { newImageId } from './image-id.ts'
import type { ImageIndex } from './image-index.ts'
import { imageIdOf, imageKey, type ImageOperationArgs } from './image-operations.ts'
import type { ImageRecord } from './image-record.ts'
import { recordLeftBy } from './register-records.ts'

/** A record as one node or a majority holds it. */
export interface KnownRecord {
  /** False: a tombstone. */
  live: boolean
  record: ImageRecord
}

/** An operation on an image that was decided. */
export interface AppliedChange {
  id: string
  name: keyof ImageOperationArgs
  args: unknown
  /** The image as this node knew it before; null where it did not. */
  before: ImageRecord | null
  record: ImageRecord
}

export interface ImageRegistersComponents {
  registers: Pick<
    Registers,
    'coordinates' | 'execute' | 'executeOnNewKey' | 'read' | 'find' | 'freshen' | 'mintOpId'
  >
  index: Pick<ImageIndex, 'get'>
  /** This node's learner row of a register. */
  learned: (key: string) => LearnerRow | null
  /** Told of what was asked for at this node. Must not throw. */
  onApplied?: ((change: AppliedChange) => void) | undefined
}

export class ImageRegisters {
  readonly #components: ImageRegistersComponents
  /** Of values that the store keeps in memory: they are decoded once, and forgotten with them. */
  readonly #known = new WeakMap<Uint8Array, KnownRecord>()

  constructor(components: ImageRegistersComponents) {
    this.#components = components
  }

  /** Of an image whose changes this node coordinates, if it is a voter: most come to where the image was created. */
  newId(random: Random): string {
    return newImageId(random, (id) => this.#components.registers.coordinates(imageKey(id)))
  }

  /**
   * Applies an operation; answers the record as it is now. `isNewId`: as Registers.executeOnNewKey has it. Throws ImageError
   * for refusals, else as Registers.execute.
   */
  async apply<Name extends keyof ImageOperationArgs>(
    id: string,
    name: Name,
    args: ImageOperationArgs[Name],
    isNewId = false,
  ): Promise<ImageRecord> {
    const { registers, index, onApplied } = this.#components
    const before = onApplied ? (index.get(id) ?? null) : null
    const call = { name, args, opId: registers.mintOpId() }
    const key = imageKey(id)
    const outcome = await (isNewId ? registers.executeOnNewKey(key, call) : registers.execute(key, call))
    const record = recordLeftBy(outcome, { id }) as ImageRecord
    onApplied?.({ id, name, args, before, record })
    return record
  }

  /** What a majority holds, or null for an id that was never used. Throws NO_QUORUM. */
  async read(id: string): Promise<KnownRecord | null> {
    const { registers, index } = this.#components
    const key = imageKey(id)
    const found = await registers.find(key)
    if (!found) return null
    if (found.value) return this.#knownOf(found.value)
    // The index holds what this node knows to be settled: it changes in one turn with the rows that say so.
    const record = index.get(id)
    if (record) return { live: true, record }
    const chosen = await registers.read(key)
    return chosen ? this.#knownOf(chosen.value) : null
  }

  /**
   * What this node alone knows, for answers without a majority (R6). A tombstone that may not have been chosen counts
   * as unknown.
   */
  local(id: string): KnownRecord | null {
    const row = this.#components.learned(imageKey(id))
    if (!row) return null
    const known = this.#knownOf(row.value)
    return known.live || row.settled ? known : null
  }

  /** Resolves when the index holds every change acknowledged before the call. Throws NO_QUORUM. */
  freshen(): Promise<void> {
    return this.#components.registers.freshen()
  }

  #knownOf(value: Uint8Array): KnownRecord {
    let known = this.#known.get(value)
    if (!known) this.#known.set(value, (known = toKnown(value)))
    return known
  }
}

/**
 * Puts a learned row into the index. Rows of other registers are not its business, and an unsettled row may yet come to
 * nothing: it is indexed once it is settled (R12). `row` null: the register is no more.
 */
export function indexRow(index: ImageIndex, key: string, row: LearnerRow | null): void {
  const id = imageIdOf(key)
  if (id === null) return
  if (!row) return index.remove(id)
  if (!row.settled) return
  const { live, record } = toKnown(row.value)
  if (live) index.put(record)
  else index.remove(id)
}

/** The record in a learner row or a chosen value. Throws CORRUPT_VALUE. */
export function toKnown(value: Uint8Array): KnownRecord {
  const { live, record } = decodeValue(value)
  return { live, record: record as ImageRecord }
}

/** Whether an operation failed because no majority could be reached, now or in the middle of it. */
export function isWithoutQuorum(error: unknown): boolean {
  return hasCode(error, 'NO_QUORUM')
}

/** What a caller is told then. */
export function noMajority(cause?: unknown): ImageError {
  return new ImageError('UNAVAILABLE', 'No majority of the image service is reachable; try again.', {}, cause)
}
