/** The metadata definitions: every use case of them, and the only door to them for the façade. */
import type { Clock } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import { noMajority } from '../images/image-registers.ts'
import type { Answer, Caller } from '../images/image-requests.ts'
import type { MetadefRegisters } from './metadef-registers.ts'
import type {
  NamespaceChange,
  NamespaceDraft,
  NamespaceQuery,
  PartDrafts,
  ResourceType,
  TagQuery,
} from './metadef-requests.ts'
import type { ChangeableKind, MetadefServicePort, NamespacePage } from './metadef-service-port.ts'
import { NamespaceGuard, type MetadefPolicy } from './namespace-guard.ts'
import type { NamespaceIndex } from './namespace-index.ts'
import type { NamespaceKeeper } from './namespace-keeper.ts'
import {
  isSameName,
  type MetadefTag,
  type NamespaceParts,
  type NamespaceRecord,
  type PartKind,
} from './namespace-record.ts'
import type { MetadefRule } from './namespace-rights.ts'
import { dated, newContent, newFields } from './new-content.ts'
import { pageOf } from './paging.ts'
import { unknownText, type PartArgs } from './part-operations.ts'
import { PART_RULES, SHOW_RULES } from './part-rules.ts'

export interface MetadefServiceComponents {
  clock: Clock
  registers: MetadefRegisters
  index: NamespaceIndex
  policy: MetadefPolicy
  keeper: NamespaceKeeper
}

export interface MetadefServiceOptions {
  /** Answer lists from this node alone while there is no majority, flagged stale (R6). */
  staleLists: boolean
}

export class MetadefService implements MetadefServicePort {
  readonly #components: MetadefServiceComponents
  readonly #options: MetadefServiceOptions
  readonly #guard: NamespaceGuard

  constructor(components: MetadefServiceComponents, options: MetadefServiceOptions) {
    this.#components = components
    this.#options = options
    this.#guard = new NamespaceGuard({ ...components, freshen: () => components.registers.freshen() })
  }

  async namespaces(caller: Caller, query: NamespaceQuery): Promise<Answer<NamespacePage>> {
    this.#guard.require(caller, ['get_metadef_namespaces', 'list_metadef_resource_types'])
    const stale = await this.#freshen()
    const { resourceTypes, visibility, marker, limit } = query
    const seen = this.#components.index.all().filter((namespace) => this.#guard.lists(caller, namespace))
    const from = marker === null ? null : seen.find(({ name }) => name === marker)
    if (from === undefined) {
      if (stale) throw noMajority()
      throw new ImageError('NOT_FOUND', `The marker ${marker} is not found.`)
    }
    const wanted = seen.filter(
      (namespace) =>
        namespace === from ||
        ((visibility === null || namespace.visibility === visibility) &&
          (resourceTypes === null ||
            namespace.associations.some(({ name }) => resourceTypes.includes(name)))),
    )
    const namespaces = pageOf(wanted, from, query)
    return { value: { namespaces, more: namespaces.length > 0 && namespaces.length === limit }, stale }
  }

  namespace(caller: Caller, name: string): Promise<Answer<NamespaceRecord>> {
    return this.#guard.look(caller, name, SHOW_RULES)
  }

  async createNamespace(caller: Caller, draft: NamespaceDraft): Promise<NamespaceRecord> {
    const inside = (['associations', 'objects', 'properties', 'tags'] as const).filter(
      (kind) => draft[kind].length > 0,
    )
    this.#guard.require(caller, ['add_metadef_namespace', ...inside.map((kind) => PART_RULES[kind].add)])
    return this.#components.keeper.create(newContent(draft, caller.projectId, this.#now()))
  }

  updateNamespace(caller: Caller, name: string, change: NamespaceChange): Promise<NamespaceRecord> {
    const fields = newFields(change, caller.projectId)
    return this.#change(caller, name, ['modify_metadef_namespace'], (args, namespace) =>
      this.#components.keeper.update(namespace, { ...args, fields }),
    )
  }

  removeNamespace(caller: Caller, name: string): Promise<void> {
    return this.#change(caller, name, ['delete_metadef_namespace'], (args, namespace) =>
      this.#components.keeper.remove(namespace, args),
    )
  }

  async parts<Kind extends PartKind>(
    caller: Caller,
    name: string,
    kind: Kind,
  ): Promise<Answer<NamespaceParts[Kind]>> {
    const { list, listed } = PART_RULES[kind]
    const { value: namespace, stale } = await this.#guard.look(caller, name, [list])
    const isShown = listed === null || this.#guard.allowsOn(namespace, caller, listed)
    return { value: isShown ? namespace[kind] : [], stale }
  }

  async tags(caller: Caller, name: string, query: TagQuery): Promise<Answer<MetadefTag[]>> {
    const { value: tags, stale } = await this.parts(caller, name, 'tags')
    const marker = query.marker === null ? null : partOf(name, 'tags', tags, query.marker)
    return { value: pageOf(tags, marker, query), stale }
  }

  async part<Kind extends ChangeableKind>(
    caller: Caller,
    name: string,
    kind: Kind,
    part: string,
  ): Promise<Answer<NamespaceParts[Kind][number]>> {
    const { value: namespace, stale } = await this.#guard.look(caller, name, [PART_RULES[kind].get])
    return { value: partOf(name, kind, namespace[kind], part), stale }
  }

  async prefixedProperty(
    caller: Caller,
    name: string,
    property: string,
    resourceType: string,
  ): Promise<Answer<NamespaceParts['properties'][number]>> {
    const rules = [PART_RULES.properties.get, PART_RULES.associations.get]
    const { value: namespace, stale } = await this.#guard.look(caller, name, rules)
    const { prefix } = partOf(name, 'associations', namespace.associations, resourceType)
    if (!prefix || !property.startsWith(prefix))
      throw new ImageError(
        'NOT_FOUND',
        `For ${resourceType} the names of properties begin with '${prefix ?? ''}'.`,
      )
    return { value: partOf(name, 'properties', namespace.properties, property.slice(prefix.length)), stale }
  }

  async addPart<Kind extends PartKind>(
    caller: Caller,
    name: string,
    kind: Kind,
    draft: PartDrafts[Kind],
  ): Promise<NamespaceParts[Kind][number]> {
    const part = this.#made(kind, draft)
    const namespace = await this.#change(caller, name, [PART_RULES[kind].add], (args, { id }) =>
      this.#components.registers.apply(id, 'metadef.add-part', { ...args, ...part }),
    )
    return partOf(name, kind, namespace[kind], draft.name)
  }

  async replacePart<Kind extends ChangeableKind>(
    caller: Caller,
    name: string,
    kind: Kind,
    part: string,
    draft: PartDrafts[Kind],
  ): Promise<NamespaceParts[Kind][number]> {
    const next = this.#made(kind, draft)
    const namespace = await this.#change(caller, name, [PART_RULES[kind].modify], (args, { id }) =>
      this.#components.registers.apply(id, 'metadef.replace-part', { ...args, ...next, name: part }),
    )
    return partOf(name, kind, namespace[kind], draft.name)
  }

  async removePart(caller: Caller, name: string, kind: PartKind, part: string): Promise<void> {
    await this.#change(caller, name, [PART_RULES[kind].remove], (args, { id }) =>
      this.#components.registers.apply(id, 'metadef.remove-part', { ...args, kind, name: part }),
    )
  }

  async removeParts(caller: Caller, name: string, kind: ChangeableKind): Promise<void> {
    await this.#change(caller, name, PART_RULES[kind].removeAll, (args, { id }) =>
      this.#components.registers.apply(id, 'metadef.remove-parts', { ...args, kind }),
    )
  }

  async setTags(
    caller: Caller,
    name: string,
    drafts: readonly PartDrafts['tags'][],
    append: boolean,
  ): Promise<void> {
    const tags = drafts.map((tag) => dated(tag, this.#now()))
    await this.#change(caller, name, ['add_metadef_tags'], (args, { id }) =>
      this.#components.registers.apply(id, 'metadef.set-tags', { ...args, tags, append }),
    )
  }

  async resourceTypes(caller: Caller): Promise<Answer<ResourceType[]>> {
    this.#guard.require(caller, ['list_metadef_resource_types'])
    const stale = await this.#freshen()
    const types = new Map<string, ResourceType>()
    for (const { associations } of this.#components.index.all())
      for (const { name, createdAt } of associations) {
        const first = types.get(name)
        if (!first || createdAt < first.createdAt) types.set(name, { name, createdAt, updatedAt: createdAt })
      }
    return { value: [...types.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)), stale }
  }

  #change<T>(
    caller: Caller,
    name: string,
    rules: readonly MetadefRule[],
    change: (
      args: { grant: Parameters<Parameters<NamespaceGuard['change']>[3]>[0]; now: string },
      namespace: NamespaceRecord,
    ) => Promise<T>,
  ): Promise<T> {
    return this.#guard.change(caller, name, rules, (grant, namespace) =>
      change({ grant, now: this.#now() }, namespace),
    )
  }

  /** Answers whether lists may be out of date. Throws UNAVAILABLE unless they may. */
  async #freshen(): Promise<boolean> {
    const stale = await this.#guard.isStale()
    if (stale && !this.#options.staleLists) throw noMajority()
    return stale
  }

  #made<Kind extends PartKind>(kind: Kind, draft: PartDrafts[Kind]): PartArgs {
    // One kind belongs to the other; the compiler cannot follow that through the parameter.
    return { kind, part: kind === 'properties' ? draft : dated(draft, this.#now()) } as unknown as PartArgs
  }

  #now(): string {
    return new Date(this.#components.clock.wallMs()).toISOString()
  }
}

/** Throws NOT_FOUND. */
function partOf<Kind extends PartKind>(
  namespace: string,
  kind: Kind,
  parts: NamespaceParts[Kind],
  name: string,
): NamespaceParts[Kind][number] {
  const found: NamespaceParts[Kind][number] | undefined = parts.find((part) =>
    isSameName(kind, part.name, name),
  )
  if (found) return found
  throw new ImageError('NOT_FOUND', unknownText(namespace, kind, name))
}
