/** The registers of tasks. */
import type { Registers } from '../../cluster/register/registers.ts'
import type { Random } from '../../cluster/runtime.ts'
import { newImageId } from '../images/image-id.ts'
import { livingRecord, recordLeftBy } from '../images/register-records.ts'
import type { TaskOperationArgs } from './task-operations.ts'
import { taskKey, type TaskRecord } from './task-record.ts'

export type TaskRegistersPort = Pick<
  Registers,
  'coordinates' | 'execute' | 'executeOnNewKey' | 'read' | 'freshen' | 'mintOpId'
>

export class TaskRegisters {
  readonly #registers: TaskRegistersPort

  constructor(registers: TaskRegistersPort) {
    this.#registers = registers
  }

  /** Of a task that this node will work on, and whose changes it coordinates, if it is a voter. */
  newId(random: Random): string {
    return newImageId(random, (id) => this.#registers.coordinates(taskKey(id)))
  }

  /** Throws ImageError for refusals, else as Registers.execute. */
  async apply<Name extends keyof TaskOperationArgs>(
    id: string,
    name: Name,
    args: TaskOperationArgs[Name],
  ): Promise<TaskRecord> {
    const registers = this.#registers
    const call = { name, args, opId: registers.mintOpId() }
    const key = taskKey(id)
    // Its id was made up just now.
    const isNew = name === 'task.create'
    const outcome = await (isNew ? registers.executeOnNewKey(key, call) : registers.execute(key, call))
    return recordLeftBy(outcome, { id }) as TaskRecord
  }

  /** What a majority holds; null: nothing that lives. Throws NO_QUORUM. */
  async read(id: string): Promise<TaskRecord | null> {
    return livingRecord(await this.#registers.read(taskKey(id))) as TaskRecord | null
  }

  /** Resolves when the index holds every change acknowledged before the call. Throws NO_QUORUM. */
  freshen(): Promise<void> {
    return this.#registers.freshen()
  }
}
