/** The registers of one node as images and tasks use them: decided at once, with a majority that can go away. */
import { ClusterError } from '../../../cluster/errors.ts'
import type { OperationCall } from '../../../cluster/register/operations.ts'
import { decodeValue, encodeValue, nextValue, valueDigest } from '../../../cluster/register/register-value.ts'
import type { LearnerRow } from '../../../cluster/register/storage.ts'
import type { Outcome } from '../../../cluster/register/vote-messages.ts'
import { ImageIndex } from '../../../node/images/image-index.ts'
import { imageIdOf, imageKey, imageOperations } from '../../../node/images/image-operations.ts'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import { ImageRegisters, indexRow } from '../../../node/images/image-registers.ts'
import { TaskIndex } from '../../../node/tasks/task-index.ts'
import { taskOperations } from '../../../node/tasks/task-operations.ts'
import { taskKey, type TaskRecord } from '../../../node/tasks/task-record.ts'
import { TaskRegisters } from '../../../node/tasks/task-registers.ts'

const OPERATIONS = { ...imageOperations, ...taskOperations }

export class MemoryRegisters {
  hasQuorum = true
  /** Names of the operations that were tried, in order. */
  readonly calls: string[] = []
  /** Called before each operation; what it throws is the answer. */
  beforeExecute: (name: string, id: string) => void = () => {}
  /** Called after each operation that was applied; what it throws is the answer all the same. */
  afterExecute: (name: string, id: string) => void = () => {}
  reads = 0
  readonly rows = new Map<string, LearnerRow>()
  readonly index: ImageIndex
  readonly images: ImageRegisters
  readonly tasks = new TaskIndex()
  readonly taskRegisters: TaskRegisters
  #ballots = 0

  constructor() {
    const learned = (key: string) => this.rows.get(key) ?? null
    this.index = new ImageIndex({ monotonicMs: () => performance.now() })
    this.images = new ImageRegisters({ registers: this, index: this.index, learned })
    this.taskRegisters = new TaskRegisters(this)
  }

  coordinates(): boolean {
    return true
  }

  mintOpId(): string {
    return '0'.repeat(32)
  }

  async execute(key: string, { name, args, opId }: OperationCall): Promise<Outcome> {
    this.#requireQuorum()
    this.calls.push(name)
    this.beforeExecute(name, imageIdOf(key) ?? '')
    const row = this.rows.get(key)
    const current = row ? decodeValue(row.value) : null
    const decision = OPERATIONS[name]?.(current, args)
    if (!decision) throw new ClusterError('UNKNOWN_OPERATION', name)
    if (decision.kind === 'refuse') return { done: false, refusal: decision.refusal }
    if (decision.kind === 'write')
      this.#learn(key, encodeValue(nextValue(current, decision.next, opId, null)), true)
    this.afterExecute(name, imageIdOf(key) ?? '')
    return { done: true, value: this.rows.get(key)?.value ?? new Uint8Array() }
  }

  executeOnNewKey(key: string, call: OperationCall): Promise<Outcome> {
    return this.execute(key, call)
  }

  async read(key: string) {
    this.#requireQuorum()
    this.reads++
    return this.rows.get(key) ?? null
  }

  async find(key: string) {
    const row = await this.read(key)
    return row?.settled ? { ...row, value: null } : row
  }

  async freshen(): Promise<void> {
    this.#requireQuorum()
  }

  /** Puts a record in place, as if it had always been there. */
  put(record: ImageRecord, { live = true, settled = true } = {}): void {
    this.#learn(imageKey(record.id), encodeValue({ live, record, version: 1, ring: [] }), settled)
  }

  putTask(record: TaskRecord): void {
    this.#learn(taskKey(record.id), encodeValue({ live: true, record, version: 1, ring: [] }), true)
  }

  record(id: string): ImageRecord | null {
    const row = this.rows.get(imageKey(id))
    return row ? (decodeValue(row.value).record as ImageRecord) : null
  }

  #learn(key: string, value: Uint8Array, settled: boolean): void {
    const ballot = { counter: ++this.#ballots, nonce: '1'.repeat(16) }
    const row = { ballot, value, digest: valueDigest(value), settled }
    this.rows.set(key, row)
    indexRow(this.index, key, row)
    this.tasks.index(key, row)
  }

  #requireQuorum(): void {
    if (!this.hasQuorum) throw new ClusterError('NO_QUORUM', 'no majority')
  }
}
