/** The back ends that are configured, by the ids of their stores. */
import { BackendError, isObjectName, type Backend, type ObjectRange, type PutRequest } from './backend.ts'

/** An object in a back end, as an image's record names it. */
export interface StoredObject {
  /** Of the back end's store. */
  store: string
  /** What callers are shown of it; the object's name is in it, and all that counts. */
  url: string
}

export class Backends {
  readonly #backends: ReadonlyMap<string, Backend>

  constructor(backends: ReadonlyMap<string, Backend>) {
    this.#backends = backends
  }

  has(store: string): boolean {
    return this.#backends.has(store)
  }

  /** An object to be. Throws BACKEND_UNAVAILABLE for a store that is not configured here, as all that follows. */
  objectFor(store: string, name: string): StoredObject {
    return { store, url: this.#of(store).urlOf(name) }
  }

  async put(object: StoredObject, body: AsyncIterable<Uint8Array>, request: PutRequest): Promise<number> {
    const { backend, name } = this.#find(object)
    return backend.put(name, body, request)
  }

  async *open(object: StoredObject, range: ObjectRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { backend, name } = this.#find(object)
    yield* backend.open(name, range, signal)
  }

  async delete(object: StoredObject, signal: AbortSignal): Promise<void> {
    const { backend, name } = this.#find(object)
    await backend.delete(name, signal)
  }

  /** Whether something in the back end stands on it, so that `delete` would throw BACKEND_IN_USE. */
  async isInUse(object: StoredObject, signal: AbortSignal): Promise<boolean> {
    const { backend, name } = this.#find(object)
    return (await backend.isInUse?.(name, signal)) ?? false
  }

  async close(): Promise<void> {
    await Promise.all([...this.#backends.values()].map((backend) => backend.close()))
  }

  /** Where the back end has moved, its objects have moved with it. */
  #find({ store, url }: StoredObject): { backend: Backend; name: string } {
    const backend = this.#of(store)
    const name = backend.nameOf(url)
    if (isObjectName(name)) return { backend, name }
    throw new BackendError('BACKEND_REFUSED', `What is named is no object of the store ${store}.`)
  }

  #of(store: string): Backend {
    const backend = this.#backends.get(store)
    if (backend) return backend
    throw new BackendError('BACKEND_UNAVAILABLE', `The store ${store} is not enabled at this node.`)
  }
}

/** Used once: nothing that is left of one upload can be taken for another's. Both are of hex digits. */
export function objectName(imageId: string, uploadId: string): string {
  return `${imageId}-${uploadId}`
}
