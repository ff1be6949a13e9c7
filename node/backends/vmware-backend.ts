/**
 * Datastores of vSphere: one file an image, sent and fetched over HTTPS below /folder, deleted by a task, in the manner of Glance.
 * New images go to the first datastore; what lies in the others is found there.
 */
import { sleep, type Clock } from '../../cluster/runtime.ts'
import { BackendError, lastPartOf, type Backend, type ObjectRange, type PutRequest } from './backend.ts'
import { BackendHttp, drop, type BackendAnswer, type BackendRequest } from './backend-http.ts'
import { BodyParts } from './body-parts.ts'
import { piecesInRange } from './pieces-in-range.ts'
import { VimSession } from './vim-session.ts'
import { faultIn, objectIn, propertyIn, propertySpec, SoapFault, type ManagedObject } from './vim-soap.ts'

export interface Datastore {
  /** Inventory path of its data center. */
  datacenter: string
  name: string
}

export interface VmwareBackendOptions {
  /** Of the store. */
  id: string
  /** HOST or HOST:PORT of vCenter or ESXi. */
  host: string
  user: string
  password: string
  /** At least one; new images go to the first. */
  datastores: readonly Datastore[]
  /** In a datastore, without slashes at its ends. It must be there. */
  directory: string
  /** How often a session that has ended is asked for anew within one request. */
  tries: number
  /** Between two looks at a task, ms. */
  pollMs: number
  /** Authorities that vouch for the server, PEM; null = those that Node.js knows. */
  ca: string | null
  insecure: boolean
}

/** The status of a file that is there already. */
const EXISTS = 409
/** After a failure, for what was sent of it, ms. */
const CLEAN_UP_MS = 15_000

export class VmwareBackend implements Backend {
  readonly properties: Readonly<Record<string, unknown>>
  readonly #options: VmwareBackendOptions
  readonly #clock: Clock
  readonly #http: BackendHttp
  readonly #session: VimSession

  constructor(clock: Clock, options: VmwareBackendOptions) {
    this.#options = options
    this.#clock = clock
    const { id, ca, insecure, host, user, password, tries, datastores, directory } = options
    this.#http = new BackendHttp(clock, { id, ca, insecure })
    this.#session = new VimSession(this.#http, { url: `https://${host}`, user, password, tries })
    this.properties = {
      datastores: datastores.map(({ datacenter, name }) => `${datacenter}:${name}`),
      store_image_dir: directory,
    }
  }

  urlOf(name: string): string {
    return `vsphere:${this.#pathOf(this.#first, name)}`
  }

  nameOf(url: string): string {
    return lastPartOf(url.split('?', 1)[0]!)
  }

  async put(
    name: string,
    body: AsyncIterable<Uint8Array>,
    { sizeBytes, signal }: PutRequest,
  ): Promise<number> {
    const parts = new BodyParts(body)
    let isOurs = true
    try {
      const { status, sent } = await this.#send(name, parts, sizeBytes, signal)
      isOurs = status !== EXISTS
      // What was there before is not ours to remove.
      if (!isOurs) throw this.#http.error('BACKEND_UNAVAILABLE', 'has such an image already')
      const kept = await this.#sizeOf(name, signal)
      if (kept !== sent) throw this.#http.error('BACKEND_REFUSED', `has kept ${kept} of ${sent} bytes`)
      return sent
    } catch (error) {
      if (isOurs) await this.delete(name, AbortSignal.timeout(CLEAN_UP_MS)).catch(() => {})
      throw error
    } finally {
      await parts.close()
    }
  }

  async *open(name: string, { start, end }: ObjectRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const answer = await this.#find(
      name,
      { method: 'GET', headers: { range: `bytes=${start}-${end}` } },
      signal,
    )
    // Not every server knows ranges: what lies before one is dropped then.
    const at = answer.status === 206 ? start : 0
    yield* piecesInRange(this.#http.bytes(answer, signal), { start, end }, at)
  }

  async delete(name: string, signal: AbortSignal): Promise<void> {
    for (const datastore of this.#options.datastores)
      await this.#asked(() => this.#deleteFrom(datastore, name, signal))
  }

  close(): Promise<void> {
    return this.#http.close()
  }

  get #first(): Datastore {
    return this.#options.datastores[0]!
  }

  /** Once: the bytes are gone when it fails. */
  async #send(
    name: string,
    parts: BodyParts,
    sizeBytes: number | null,
    signal: AbortSignal,
  ): Promise<{ status: number; sent: number }> {
    let sent = 0
    const counted = async function* () {
      for await (const piece of parts.take(Infinity)) {
        sent += piece.length
        yield piece
      }
    }
    const headers = {
      'content-type': 'application/octet-stream',
      cookie: await this.#session.freshCookie(signal),
      ...(sizeBytes !== null && { 'content-length': String(sizeBytes) }),
    }
    const url = `https:${this.#pathOf(this.#first, name)}`
    const answer = await this.#http.send({ method: 'PUT', url, headers, body: counted(), signal })
    const { status } = answer
    if (status !== 200 && status !== 201 && status !== EXISTS) throw await this.#refusal(answer)
    await drop(answer)
    return { status, sent }
  }

  /** There is no such datastore or directory: nothing that a caller named is missing. */
  async #refusal(answer: BackendAnswer): Promise<BackendError> {
    const failure = await this.#http.failure(answer)
    if (failure.code !== 'BACKEND_NOT_FOUND') return failure
    return this.#http.error('BACKEND_REFUSED', 'has no such datastore or directory')
  }

  async #sizeOf(name: string, signal: AbortSignal): Promise<number> {
    const answer = await this.#get(this.#first, name, { method: 'HEAD' }, signal)
    await drop(answer)
    if (answer.status !== 200) throw await this.#http.failure(answer)
    return Number(answer.headers['content-length'] ?? -1)
  }

  /** The answer of the first datastore that has it. */
  async #find(
    name: string,
    request: Pick<BackendRequest, 'method' | 'headers'>,
    signal: AbortSignal,
  ): Promise<BackendAnswer> {
    let failure: BackendError | null = null
    for (const datastore of this.#options.datastores) {
      const answer = await this.#get(datastore, name, request, signal)
      if (answer.status === 200 || answer.status === 206) return answer
      failure = await this.#http.failure(answer)
      if (failure.code !== 'BACKEND_NOT_FOUND') break
    }
    throw failure!
  }

  /** A session that is refused is asked for anew. */
  async #get(
    datastore: Datastore,
    name: string,
    { method, headers }: { method: BackendRequest['method']; headers?: Record<string, string> },
    signal: AbortSignal,
  ): Promise<BackendAnswer> {
    const url = `https:${this.#pathOf(datastore, name)}`
    for (let tries = 1; ; tries++) {
      const cookie = await this.#session.cookie(signal)
      const answer = await this.#http.sendAgain(() => ({
        method,
        url,
        headers: { ...headers, cookie },
        signal,
      }))
      if (answer.status !== 401 || tries > this.#options.tries) return answer
      await drop(answer)
      this.#session.forget(cookie)
    }
  }

  async #deleteFrom(
    { datacenter, name: store }: Datastore,
    name: string,
    signal: AbortSignal,
  ): Promise<void> {
    const parameters = [
      ['name', `[${store}] ${this.#options.directory}/${name}`],
      ['datacenter', await this.#datacenter(datacenter, signal)],
    ] as const
    const { xml } = await this.#session.call('DeleteDatastoreFile_Task', 'fileManager', parameters, signal)
    const task = objectIn(xml, 'returnval')
    if (!task) throw this.#http.error('BACKEND_UNAVAILABLE', 'does not begin to delete')
    const fault = await this.#endOf(task, signal)
    if (fault !== null && fault !== 'FileNotFound') throw new SoapFault(fault)
  }

  /** The fault with which a task has ended; null: it has succeeded. */
  async #endOf(task: ManagedObject, signal: AbortSignal): Promise<string | null> {
    for (;;) {
      const parameters = [
        ['specSet', propertySpec(task, ['info.state', 'info.error'])],
        ['options', { xml: '' }],
      ] as const
      const { xml } = await this.#session.call(
        'RetrievePropertiesEx',
        'propertyCollector',
        parameters,
        signal,
      )
      const state = propertyIn(xml, 'info.state')
      if (state === 'success') return null
      if (state === 'error') return faultIn(propertyIn(xml, 'info.error') ?? '')
      if (state !== 'queued' && state !== 'running')
        throw this.#http.error('BACKEND_UNAVAILABLE', 'does not tell of what it was asked for')
      await sleep(this.#clock, this.#options.pollMs, signal)
    }
  }

  async #datacenter(path: string, signal: AbortSignal): Promise<ManagedObject> {
    const parameters = [['inventoryPath', path]] as const
    const { xml } = await this.#session.call('FindByInventoryPath', 'searchIndex', parameters, signal)
    const found = objectIn(xml, 'returnval')
    if (found) return found
    throw this.#http.error('BACKEND_REFUSED', `has no data center ${path}`)
  }

  async #asked<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw error instanceof SoapFault ? this.#session.failure(error) : error
    }
  }

  /** From the host on, as Glance writes it. */
  #pathOf({ datacenter, name: store }: Datastore, name: string): string {
    const query = new URLSearchParams({ dsName: store, dcPath: datacenter })
    const directory = this.#options.directory.split('/').map(encodeURIComponent).join('/')
    return `//${this.#options.host}/folder/${directory}/${name}?${query.toString()}`
  }
}
