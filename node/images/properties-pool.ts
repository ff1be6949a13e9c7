/**
 * Custom properties, in as little memory as can be: images of one build have the same ones, and those that differ share
 * their names and most values.
 */
import type { ImageRecord } from './image-record.ts'
import { TextPool } from './text-pool.ts'

type Properties = ImageRecord['properties']

/** Sets of properties that are kept once for all images that have them; beyond it each image keeps its own. */
const SHARED_MAX = 10_000
/** Characters of such a set as JSON: longer ones are hardly alike. */
const LENGTH_MAX = 512

export class PropertiesPool {
  readonly #texts = new TextPool()
  readonly #shared = new Map<string, Properties>()

  /** The pool's copy of `properties`, or one of their own. */
  of(properties: Properties): Properties {
    const key = JSON.stringify(properties)
    const known = this.#shared.get(key)
    if (known) return known
    const own = this.#withSharedTexts(properties)
    if (this.#shared.size < SHARED_MAX && key.length <= LENGTH_MAX) this.#shared.set(key, own)
    return own
  }

  /** Built field by field: sets with the same names share one layout in the engine. */
  #withSharedTexts(properties: Properties): Properties {
    // Assigned, such a name would not become a field.
    if (Object.hasOwn(properties, '__proto__')) return properties
    const own: Properties = {}
    for (const [name, value] of Object.entries(properties))
      own[this.#texts.shared(name)] = this.#texts.shared(value)
    return own
  }
}
