/**
 * One copy of texts that many records share: owners, formats, names and values of properties. Each record decodes its
 * own copies, which at 100 000 images would be most of the memory.
 */

/** Texts kept; more different ones than this are hardly shared. */
const TEXTS_MAX = 50_000
/** Characters of a kept text; longer ones are hashes and descriptions. */
const LENGTH_MAX = 64

export class TextPool {
  readonly #texts = new Map<string, string>()

  /** The pool's copy of `text`, or `text` itself. */
  shared<T extends string | null>(text: T): T {
    if (text === null || text.length > LENGTH_MAX) return text
    const known = this.#texts.get(text)
    if (known !== undefined) return known as T
    if (this.#texts.size < TEXTS_MAX) this.#texts.set(text, text)
    return text
  }
}
