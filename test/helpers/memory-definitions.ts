/** Registers of metadata definitions in memory, which several nodes share; each step may be made to wait, or to fail. */
import { ClusterError } from '../../cluster/errors.ts'
import type { OperationTable } from '../../cluster/register/operations.ts'
import { decodeValue, encodeValue, nextValue, valueDigest } from '../../cluster/register/register-value.ts'
import { silentLog, systemClock, systemRandom, type Clock } from '../../cluster/runtime.ts'
import { MetadefRegisters, type MetadefRegistersPort } from '../../node/metadefs/metadef-registers.ts'
import { MetadefService } from '../../node/metadefs/metadef-service.ts'
import { NamespaceIndex } from '../../node/metadefs/namespace-index.ts'
import { NamespaceKeeper } from '../../node/metadefs/namespace-keeper.ts'
import { metadefOperations } from '../../node/metadefs/namespace-operations.ts'
import {
  nameOfKey,
  namespaceIdOf,
  type NameHolder,
  type NamespaceRecord,
} from '../../node/metadefs/namespace-record.ts'
import { MetadefAdmin } from '../../node/status/metadef-admin.ts'
import { defaultPolicy } from './default-policy.ts'

interface WorldOptions {
  clock?: Clock
  operations?: OperationTable
}

export interface DefinitionsNode {
  service: MetadefService
  admin: MetadefAdmin
  keeper: NamespaceKeeper
  index: NamespaceIndex
}

export class DefinitionsWorld {
  /** Of namespaces that were deleted, as they were last. */
  readonly deleted: NamespaceRecord[] = []
  /** How often a register was changed. */
  changes = 0
  readonly #rows = new Map<string, Uint8Array>()
  readonly #options: Required<WorldOptions>
  #ids = 0

  constructor({ clock = systemClock, operations = metadefOperations }: WorldOptions = {}) {
    this.#options = { clock, operations }
  }

  /** `step` comes before and after each request to the registers; what it throws is the answer. */
  node(step: () => Promise<void> = async () => {}): DefinitionsNode {
    const index = new NamespaceIndex()
    const registers = new MetadefRegisters(this.#port(index, step))
    const base = { clock: this.#options.clock, random: systemRandom, log: silentLog, registers, index }
    const keeper = new NamespaceKeeper(base)
    return {
      keeper,
      index,
      service: new MetadefService({ ...base, policy: defaultPolicy, keeper }, { staleLists: false }),
      admin: new MetadefAdmin({ ...base, keeper }),
    }
  }

  namespaces(): NamespaceRecord[] {
    return this.#live((key) => namespaceIdOf(key) !== null) as NamespaceRecord[]
  }

  holders(): NameHolder[] {
    return this.#live((key) => nameOfKey(key) !== null) as NameHolder[]
  }

  #live(isWanted: (key: string) => boolean): unknown[] {
    const values = [...this.#rows].filter(([key]) => isWanted(key)).map(([, bytes]) => decodeValue(bytes))
    return values.filter(({ live }) => live).map(({ record }) => record)
  }

  #port(index: NamespaceIndex, step: () => Promise<void>): MetadefRegistersPort {
    const around = async <T>(act: () => T): Promise<T> => {
      await step()
      const result = act()
      await step()
      return result
    }
    const ballot = { counter: 1, nonce: '1'.repeat(16) }
    const row = (value: Uint8Array) => ({ ballot, value, digest: valueDigest(value), settled: true })
    return {
      mintOpId: () => (++this.#ids).toString(16).padStart(32, '0'),
      execute: (key, { name, args, opId }) => around(() => this.#execute(key, name, args, opId)),
      read: (key) =>
        around(() => {
          const value = this.#rows.get(key)
          return value ? row(value) : null
        }),
      freshen: () =>
        around(() => {
          for (const [key, value] of this.#rows) index.index(key, row(value))
        }),
    }
  }

  #execute(key: string, name: string, args: unknown, opId: string) {
    const before = this.#rows.get(key)
    const current = before ? decodeValue(before) : null
    const decision = this.#options.operations[name]?.(current, args)
    if (!decision) throw new ClusterError('UNKNOWN_OPERATION', name)
    if (decision.kind === 'refuse') return { done: false as const, refusal: decision.refusal }
    if (decision.kind === 'write') {
      this.changes++
      if (current?.live && !decision.next.live && namespaceIdOf(key) !== null)
        this.deleted.push(current.record as NamespaceRecord)
      this.#rows.set(key, encodeValue(nextValue(current, decision.next, opId, null)))
    }
    return { done: true as const, value: this.#rows.get(key) ?? new Uint8Array() }
  }
}
