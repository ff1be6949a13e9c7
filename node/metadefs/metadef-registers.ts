/** The registers of namespaces and names. */
import { decodeValue } from '../../cluster/register/register-value.ts'
import type { Registers } from '../../cluster/register/registers.ts'
import { livingRecord, recordLeftBy } from '../images/register-records.ts'
import { nameKey, namespaceKey, type NameHolder, type NamespaceRecord } from './namespace-record.ts'
import type { MetadefOperationArgs } from './namespace-operations.ts'
import type { NameOperationArgs } from './name-operations.ts'

export type MetadefRegistersPort = Pick<Registers, 'execute' | 'read' | 'freshen' | 'mintOpId'>

type NamespaceOperation = Exclude<keyof MetadefOperationArgs, keyof NameOperationArgs>

export class MetadefRegisters {
  readonly #registers: MetadefRegistersPort

  constructor(registers: MetadefRegistersPort) {
    this.#registers = registers
  }

  /** Throws ImageError for refusals, else as Registers.execute. */
  async apply<Name extends NamespaceOperation>(
    id: string,
    name: Name,
    args: MetadefOperationArgs[Name],
  ): Promise<NamespaceRecord> {
    return (await this.#execute(namespaceKey(id), name, args)) as NamespaceRecord
  }

  /** As `apply`, on the register of a name. */
  async applyToName<Name extends keyof NameOperationArgs>(
    name: string,
    operation: Name,
    args: NameOperationArgs[Name],
  ): Promise<void> {
    await this.#execute(nameKey(name), operation, args)
  }

  /** What a majority holds: null for an id that was never used, `gone` for a tombstone. Throws NO_QUORUM. */
  async read(id: string): Promise<NamespaceRecord | 'gone' | null> {
    const chosen = await this.#registers.read(namespaceKey(id))
    if (!chosen) return null
    const { live, record } = decodeValue(chosen.value)
    return live ? (record as NamespaceRecord) : 'gone'
  }

  /** Who holds a name, as a majority has it; null: nobody. Throws NO_QUORUM. */
  async holderOf(name: string): Promise<NameHolder | null> {
    return livingRecord(await this.#registers.read(nameKey(name))) as NameHolder | null
  }

  /** Resolves when the index holds every change acknowledged before the call. Throws NO_QUORUM. */
  freshen(): Promise<void> {
    return this.#registers.freshen()
  }

  /** 32 hex digits, never the same twice. */
  mintClaim(): string {
    return this.#registers.mintOpId()
  }

  async #execute(key: string, name: string, args: unknown): Promise<unknown> {
    const outcome = await this.#registers.execute(key, { name, args, opId: this.#registers.mintOpId() })
    return recordLeftBy(outcome, { key })
  }
}
