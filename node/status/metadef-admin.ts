/** What the operator does to metadata definitions as a whole, behind the operator port: load files, take them out. */
import { isDeepStrictEqual } from 'node:util'
import { hasCode } from '../../cluster/errors.ts'
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { MergeMode } from '../metadefs/content-operations.ts'
import type { MetadefRegisters } from '../metadefs/metadef-registers.ts'
import type { NamespaceDraft } from '../metadefs/metadef-requests.ts'
import type { NamespaceIndex } from '../metadefs/namespace-index.ts'
import type { NamespaceKeeper } from '../metadefs/namespace-keeper.ts'
import type { NamespaceRecord } from '../metadefs/namespace-record.ts'
import { newContent } from '../metadefs/new-content.ts'

/** `keep`: a namespace that is there stays as it is. */
export const LOAD_MODES = ['keep', 'merge', 'prefer-new', 'overwrite'] as const satisfies (
  MergeMode | 'keep'
)[]
export type LoadMode = (typeof LOAD_MODES)[number]

/** `unchanged`: all of it was there, or nothing of it was wanted. */
export type LoadResult = 'created' | 'changed' | 'unchanged'

export interface MetadefAdminComponents {
  clock: Clock
  log: Log
  registers: MetadefRegisters
  index: NamespaceIndex
  keeper: NamespaceKeeper
}

/** Whose definitions in files are that name nobody, as in Glance. */
const FILE_OWNER = 'admin'
/** Nobody takes a namespace away or renames it this often in the time of one request. */
const TRIES_MAX = 16

export class MetadefAdmin {
  readonly #components: MetadefAdminComponents

  constructor(components: MetadefAdminComponents) {
    this.#components = components
  }

  /** In the order of their names. Throws NO_QUORUM. */
  async all(): Promise<NamespaceRecord[]> {
    await this.#components.registers.freshen()
    return this.#components.index.all().toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  async load(draft: NamespaceDraft, mode: LoadMode): Promise<LoadResult> {
    const { clock, log } = this.#components
    const now = new Date(clock.wallMs()).toISOString()
    const content = newContent(draft, FILE_OWNER, now)
    const result = await this.#repeat(draft.name, async (namespace) => {
      const { registers, keeper } = this.#components
      if (!namespace) {
        await keeper.create(content)
        return 'created'
      }
      if (mode === 'keep') return 'unchanged'
      const next = await registers.apply(namespace.id, 'metadef.merge-content', { content, mode, now })
      return isDeepStrictEqual(next, namespace) ? 'unchanged' : 'changed'
    })
    if (result !== 'unchanged') log.info({ namespace: draft.name, mode, result }, 'definitions were loaded')
    return result
  }

  /** Answers whether there was one. */
  async unload(name: string): Promise<boolean> {
    const { log, keeper } = this.#components
    const isGone = await this.#repeat(name, async (namespace) => {
      if (namespace) await keeper.discard(namespace)
      return namespace !== null
    })
    if (isGone) log.info({ namespace: name }, 'the operator has unloaded a namespace')
    return isGone
  }

  /** All over again when the namespace changed under the operation. */
  async #repeat<T>(name: string, act: (namespace: NamespaceRecord | null) => Promise<T>): Promise<T> {
    const { registers, index } = this.#components
    for (let tries = 1; ; tries++) {
      await registers.freshen()
      try {
        return await act(index.find(name))
      } catch (error) {
        if (!hasCode(error, 'BASIS_CHANGED', 'CONFLICT') || tries === TRIES_MAX) throw error
      }
    }
  }
}
