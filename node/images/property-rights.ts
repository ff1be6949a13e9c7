/**
 * What one caller may do to custom properties (glance-api.md §12): asked once for each name in the time of a request. What
 * may not be read is not there for the caller: neither shown, nor found by a filter, nor in the way of a change.
 */
import { ImageError } from '../errors.ts'
import { PROPERTY_ACTIONS, type ImagePolicy, type PropertyAction } from './image-policy.ts'
import { withProperties, type ImageRecord } from './image-record.ts'
import type { Caller, ImageChange, ImageFilter } from './image-requests.ts'

/** By name, what the caller may do to properties that are protected from it; to all others anything. */
export type ProtectedNames = Readonly<Record<string, readonly PropertyAction[]>>

export class PropertyRights {
  readonly #policy: ImagePolicy
  readonly #caller: Caller
  readonly #readable = new Map<string, boolean>()

  constructor(policy: ImagePolicy, caller: Caller) {
    this.#policy = policy
    this.#caller = caller
  }

  /** The image as the caller may see it. */
  shown(image: ImageRecord): ImageRecord {
    if (!this.#policy.protectsProperties) return image
    const all = Object.entries(image.properties)
    const readable = all.filter(([name]) => this.#mayRead(name))
    return readable.length === all.length ? image : withProperties(image, Object.fromEntries(readable))
  }

  /** Whether a list may be filtered by it: what matches would tell of what may not be read. */
  mayFilter(filter: ImageFilter): boolean {
    return !('property' in filter) || this.#mayRead(filter.property)
  }

  /** Throws FORBIDDEN. */
  requireCreate(properties: ImageRecord['properties']): void {
    for (const name of Object.keys(properties)) if (!this.#may('create', name)) throw reserved(name)
  }

  /** For the operation on the register, which knows what is there but asks no policy; null: nothing is in the way. */
  protectedAmong(changes: readonly ImageChange[]): ProtectedNames | null {
    if (!this.#policy.protectsProperties) return null
    const names = new Set(changes.flatMap((change) => (change.kind === 'property' ? [change.name] : [])))
    const rights = Array.from(names, (name): [string, PropertyAction[]] => [
      name,
      PROPERTY_ACTIONS.filter((action) => this.#may(action, name)),
    ]).filter(([, actions]) => actions.length < PROPERTY_ACTIONS.length)
    return rights.length === 0 ? null : Object.fromEntries(rights)
  }

  #mayRead(name: string): boolean {
    let may = this.#readable.get(name)
    if (may === undefined) this.#readable.set(name, (may = this.#may('read', name)))
    return may
  }

  #may(action: PropertyAction, name: string): boolean {
    return this.#policy.allowsProperty(action, name, this.#caller)
  }
}

/** Glance's words for it. */
export function reservedMessage(name: string): string {
  return `Attribute '${name}' is reserved.`
}

function reserved(name: string): ImageError {
  return new ImageError('FORBIDDEN', reservedMessage(name))
}
