/** Runs cases against Glance and Serac side by side. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Case, IDENTITIES, type Step, type Who } from './case.ts'
import { type Difference, differencesOf } from './differences.ts'
import { type Answer, Exchange, type OutgoingRequest } from './exchange.ts'
import { GALLERY, GALLERY_CREATION, GALLERY_SCOPE, type GalleryImage } from './gallery.ts'
import { type NormalAnswer, Normaliser, UUID } from './normal-form.ts'

/** What is sent with every request: what OpenStack's clients send. */
const DEFAULT_HEADERS = { accept: '*/*', 'user-agent': 'serac-differential' }

/** Leaves room for the rest of a project's name. */
const PROJECT_NAME_LENGTH = 60
const NEXT_SECOND_MS = 1100
const UNTIL_PAUSE_MS = 100
const UNTIL_LIMIT_MS = 30_000
/** More than any list has at the page sizes of the cases. */
const PAGES_MAX = 1100

/** One of the two servers, as one case goes on. */
class Side {
  readonly #exchange: Exchange
  readonly #normaliser: Normaliser
  readonly #kept: Map<string, string>
  readonly images: string[] = []

  constructor(exchange: Exchange, mirror: string, script: Case) {
    this.#exchange = exchange
    this.#kept = new Map([['mirror', mirror], ['host', new URL(mirror).host], ...projectsOf(script)])
    this.#normaliser = new Normaliser(exchange.url, chosenIds(script))
  }

  async take(step: Step) {
    const answer = await this.#answerTo(step)
    this.#keep(step, answer)
    return this.#normaliser.answer(step.method, answer)
  }

  /** What still does not fit at the end is compared all the same. */
  async #answerTo(step: Step): Promise<Answer> {
    const { until } = step
    for (let waitedMs = 0; ; waitedMs += UNTIL_PAUSE_MS) {
      const answer = await this.#exchange.send(this.#outgoing(step))
      if (until === null || until.test(answer.body.toString()) || waitedMs >= UNTIL_LIMIT_MS) return answer
      await sleep(UNTIL_PAUSE_MS)
    }
  }

  async removeImages(): Promise<void> {
    for (const id of this.images) {
      const path = `/v2/images/${id}`
      const headers = { ...DEFAULT_HEADERS, ...this.#identityHeaders('admin') }
      await this.#exchange.send({ method: 'DELETE', path, headers, body: null, chunked: false })
    }
  }

  #outgoing({ as, method, path, headers, body, chunked }: Step): OutgoingRequest {
    const all: Record<string, string | null> = {
      ...DEFAULT_HEADERS,
      ...this.#identityHeaders(as),
      ...headers,
    }
    const sent = Object.entries(all).flatMap(([name, value]) =>
      value === null ? [] : [[name, this.filled(value)] as const],
    )
    const filled = typeof body === 'string' ? Buffer.from(this.filled(body)) : body
    return { method, path: this.filled(path), headers: Object.fromEntries(sent), body: filled, chunked }
  }

  #identityHeaders(who: Who): Record<string, string> {
    const identity = IDENTITIES[who]
    if (identity === null) return {}
    const { project, roles } = identity
    return {
      'x-identity-status': 'Confirmed',
      'x-user-id': `user-${who}`,
      'x-roles': roles.join(','),
      ...(project !== null && { 'x-project-id': this.filled(`{${project}}`) }),
    }
  }

  filled(text: string): string {
    return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => this.#kept.get(name) ?? whole)
  }

  #keep({ method, path, keep, walk }: Step, { status, body }: Answer): void {
    const wanted = Object.entries(walk ? { ...keep, next: 'next' } : keep)
    if (status >= 300 || wanted.length === 0) return
    const members = JSON.parse(body.toString()) as Record<string, string>
    for (const [name, member] of wanted) this.#kept.set(name, members[member] ?? '')
    if (method === 'POST' && path === '/v2/images') this.images.push(members['id']!)
  }
}

/** Ids that both servers were told. */
function chosenIds({ steps, scope }: Case): Set<string> {
  const texts = steps.map(({ path, body }) => `${path} ${body?.toString() ?? ''}`)
  const gallery = scope === GALLERY_SCOPE ? GALLERY.map(({ id }) => id) : []
  return new Set([...(texts.join(' ').match(UUID) ?? []), ...gallery])
}

/** The project of each identity. */
function projectsOf({ name, scope }: Case): [string, string][] {
  const own = (scope ?? name).replaceAll(/\W+/g, '-').slice(0, PROJECT_NAME_LENGTH)
  const projects = Object.values(IDENTITIES).flatMap((identity) => identity?.project ?? [])
  return projects.map((project) => [project, `${own}-${project}`])
}

/** Whether the lists of other cases may show its images. */
function isSeenByOthers({ steps }: Case): boolean {
  return steps.some(({ body }) => typeof body === 'string' && /"(public|community)"/.test(body))
}

function hasNext({ body }: NormalAnswer): boolean {
  return typeof body === 'object' && body !== null && 'next' in body
}

export class DifferentialRunner {
  readonly #glance: Exchange
  readonly #serac: Exchange
  readonly #mirror: string
  requests = 0

  /** `mirror` is the server on which `{mirror}` in cases stands. */
  constructor(urls: { glance: string; serac: string; mirror: string }) {
    this.#mirror = urls.mirror
    this.#glance = new Exchange(urls.glance)
    this.#serac = new Exchange(urls.serac)
  }

  /** All differences of a case. */
  async run(script: Case): Promise<Difference[]> {
    const glance = new Side(this.#glance, this.#mirror, script)
    const serac = new Side(this.#serac, this.#mirror, script)
    const found: Difference[] = []
    for (const step of script.steps) {
      const place = { in: script.name, request: `${step.method} ${step.path}` }
      const take = async (now: Step) => {
        const [theirs, ours] = await Promise.all([glance.take(now), serac.take(now)])
        found.push(...differencesOf(place, theirs, ours))
        this.requests++
        return hasNext(theirs) && hasNext(ours)
      }
      let more = (await take(step)) && step.walk
      for (let page = 1; more && page < PAGES_MAX; page++) more = await take({ ...step, path: '{next}' })
    }
    if (script.scope === null && isSeenByOthers(script))
      await Promise.all([glance.removeImages(), serac.removeImages()])
    return found
  }

  /** Makes the gallery: on Serac by requests, on Glance by `insert`, which gets it with the names of projects filled in. */
  async makeGallery(insert: (images: GalleryImage[]) => Promise<void>): Promise<void> {
    const script: Case = { name: 'gallery', scope: GALLERY_SCOPE, steps: GALLERY_CREATION }
    const serac = new Side(this.#serac, this.#mirror, script)
    for (const step of GALLERY_CREATION) {
      const { status, body } = await serac.take(step)
      if (status !== 201) throw new Error(`Serac refused an image with ${status}: ${JSON.stringify(body)}`)
    }
    await insert(GALLERY_CREATION.map((step) => JSON.parse(serac.filled(String(step.body))) as GalleryImage))
    // Nothing is changed in the second in which something was made: lists tell seconds apart.
    await sleep(NEXT_SECOND_MS)
  }

  close(): void {
    this.#glance.close()
    this.#serac.close()
  }
}
