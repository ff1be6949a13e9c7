/**
 * The namespaces that this node knows, in memory: what every request about metadata definitions is answered from, once it
 * was freshened. There are some dozens of them, of some kilobytes.
 */
import type { LearnerRow } from '../../cluster/register/storage.ts'
import { decodeValue } from '../../cluster/register/register-value.ts'
import { nameOfKey, namespaceIdOf, type NameHolder, type NamespaceRecord } from './namespace-record.ts'

export class NamespaceIndex {
  readonly #namespaces = new Map<string, NamespaceRecord>()
  readonly #names = new Map<string, NameHolder>()

  /** Takes a learned row. One that is not settled may yet come to nothing (R12). `row` null: the register is no more. */
  index(key: string, row: LearnerRow | null): void {
    const id = namespaceIdOf(key)
    if (id !== null) indexInto(this.#namespaces, id, row)
    const name = nameOfKey(key)
    if (name !== null) indexInto(this.#names, name, row)
  }

  /**
   * The namespace of a name. Both registers must say so: they are learned one after the other, and between a claim and the
   * end of a rename they say different things.
   */
  find(name: string): NamespaceRecord | null {
    const holder = this.#names.get(name)
    const namespace = holder && this.#namespaces.get(holder.namespace)
    return namespace?.name === name && namespace.claim === holder?.claim ? namespace : null
  }

  /** All that have their name. */
  all(): NamespaceRecord[] {
    return [...this.#namespaces.values()].filter((namespace) => this.find(namespace.name) === namespace)
  }

  /** Names that no namespace has by the claim that holds them: one is on its way, or never came. */
  idleHolders(): NameHolder[] {
    return [...this.#names.values()].filter(({ name, claim }) => this.find(name)?.claim !== claim)
  }

  /** Whether the register of a key holds something that lives. */
  isLive(key: string): boolean {
    const id = namespaceIdOf(key)
    return id === null ? this.#names.has(nameOfKey(key) ?? '') : this.#namespaces.has(id)
  }
}

function indexInto<T>(map: Map<string, T>, key: string, row: LearnerRow | null): void {
  if (row && !row.settled) return
  const value = row && decodeValue(row.value)
  if (value?.live) map.set(key, value.record as T)
  else map.delete(key)
}
