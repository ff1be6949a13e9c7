/** A running Glance, asked as an administrator by its API v2. */
import { GLANCE_FIELDS } from '../../images/glance-fields.ts'
import type { ImageLocation } from '../../images/image-record.ts'
import type { MovedImage } from '../../images/moved-image.ts'
import { movedGlanceImage, type GlanceMember } from './glance-form.ts'
import type { GlanceSession } from './glance-session.ts'
import { BytesMissingError, type ImageSource, type SourceList } from './image-source.ts'
import { runParallel } from './run-parallel.ts'

type Shown = Record<string, unknown>

/** Below every `api_limit_max` in use. */
const PAGE_IMAGES = 100
const REQUESTS_AT_ONCE = 8
/** An administrator's list lacks hidden images, and the community images of others. */
const LISTS = ['', '&visibility=community'].flatMap((visibility) =>
  ['false', 'true'].map((hidden) => `&os_hidden=${hidden}${visibility}`),
)
export class GlanceApiSource implements ImageSource {
  readonly name: string
  readonly #session: GlanceSession

  constructor(session: GlanceSession) {
    this.#session = session
    this.name = session.url
  }

  async list(): Promise<SourceList> {
    const found = new Map<string, Shown>()
    for (const list of LISTS)
      for await (const image of this.#pages(list)) found.set(String(image['id']), image)
    const result: SourceList = { images: [], leftOut: [] }
    await runParallel([...found.values()], REQUESTS_AT_ONCE, async (shown) => {
      const image = movedGlanceImage(await this.#whole(shown))
      if ('why' in image) result.leftOut.push(image)
      else result.images.push(image)
    })
    return result
  }

  async *open(image: MovedImage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const answer = await this.#session.get(`/v2/images/${image.id}/file`, signal)
    if (answer.status !== 200 || !answer.body) {
      await answer.body?.cancel()
      // An empty image has no content either.
      if (answer.status === 204 && image.size === 0) return
      const message = `Glance answers ${answer.status} ${answer.statusText} when asked for its bytes`
      throw [204, 403, 404, 410].includes(answer.status) ? new BytesMissingError(message) : new Error(message)
    }
    yield* answer.body
  }

  /** By id: an image that is created or deleted meanwhile moves no other out of the page. */
  async *#pages(list: string): AsyncGenerator<Shown> {
    for (let marker = ''; ;) {
      const path = `/v2/images?limit=${PAGE_IMAGES}&sort_key=id&sort_dir=asc${list}${marker}`
      const { images } = (await this.#session.json(path)) as { images: Shown[] }
      if (images.length === 0) return
      yield* images
      marker = `&marker=${encodeURIComponent(String(images.at(-1)!['id']))}`
    }
  }

  async #whole(shown: Shown) {
    const { tags, locations, direct_url: directUrl } = shown
    const direct = typeof directUrl === 'string' ? [{ url: directUrl, metadata: {} }] : []
    return {
      fields: shown,
      properties: Object.fromEntries(Object.entries(shown).filter(([name]) => !GLANCE_FIELDS.has(name))),
      tags: Array.isArray(tags) ? tags : [],
      members: await this.#membersOf(shown),
      locations: Array.isArray(locations) ? locations.map(plainLocation) : direct,
      hasBytes: true,
    }
  }

  /** The API tells them of shared images alone. */
  async #membersOf({ id, visibility }: Shown): Promise<GlanceMember[]> {
    if (visibility !== 'shared') return []
    const { members } = (await this.#session.json(`/v2/images/${String(id)}/members`)) as { members: Shown[] }
    return members.map(({ member_id: member, status, created_at, updated_at }) => ({
      member,
      status,
      created_at,
      updated_at,
    }))
  }
}

/** Without what is said of the bytes there: that stands in the image, too. */
function plainLocation(location: unknown): ImageLocation {
  const { url, metadata } = location as { url: string; metadata?: Record<string, unknown> }
  return { url, metadata: metadata ?? {} }
}
