/**
 * Which node has what of which image, a page at a time: gathered from the nodes with a deadline. A node that does not
 * answer, or has not caught up, is unknown; an image counts as whole by what the nodes hold, never by what they should.
 */
import type { ConfigView } from '../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { placedNodes } from '../../cluster/placement/placement-policy.ts'
import type { Clock } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import type { ImageIndex } from '../images/image-index.ts'
import type { ImageRecord } from '../images/image-record.ts'
import type { OutView } from '../loops/out-nodes.ts'
import type { ClusterReport } from './cluster-report.ts'
import { decodeCopyStates, type CopyState } from './copy-inspection.ts'
import { heldBy } from './node-report.ts'
import type { StatusQuestions } from './status-questions.ts'

export interface ImageMapQuery {
  /** Id of the last image of the page before; null: the first page, the newest images. */
  after: string | null
  limit: number
  /** attention: those that not every node of their placement is known to hold in full. */
  show: 'all' | 'attention'
  /** Part of the name or of the id; '' for all. */
  search: string
}

/** none: it does not belong there, and is not there whole. */
export type MapState = CopyState['state'] | 'unknown' | 'none'

export interface MapCell {
  node: NodeId
  state: MapState
  /** Whether the image belongs there now. */
  placed: boolean
  chunks: CopyState['chunks']
}

export interface MapRow {
  id: string
  name: string | null
  status: ImageRecord['status']
  sizeBytes: number | null
  createdAt: string
  /** Wanted copies; null: one on every storage node. */
  copies: number | null
  /** One for each node of the document, in its order. */
  cells: MapCell[]
}

export interface ImageMapDocument {
  nodes: NodeId[]
  images: MapRow[]
  /** What `after` is for the next page; null: this is the last. */
  next: string | null
  /** How old what the nodes said of whole images is; parts were counted just now. */
  ageSeconds: number
  as_of: string
}

export interface ImageMapComponents {
  clock: Clock
  config: ConfigView
  questions: StatusQuestions
  report: Pick<ClusterReport, 'reports'>
  index: Pick<ImageIndex, 'page' | 'get'>
  out: () => OutView
  /** Until then this node does not know which images there are (R11). */
  caughtUp: () => boolean
}

/** Whoever looks at the page asks for the status as often. */
const REPORT_AGE_MS_MAX = 5000
/** Sees everything but what waits for its deletion. */
const OPERATOR = { projectId: null, isAdmin: true, roles: [] }

export class ImageMap {
  readonly #components: ImageMapComponents

  constructor(components: ImageMapComponents) {
    this.#components = components
  }

  /** Throws UNAVAILABLE, and INVALID when the image to go on from is gone. */
  async page(query: ImageMapQuery): Promise<ImageMapDocument> {
    const { clock, config, report, index, caughtUp } = this.#components
    if (!caughtUp())
      throw new ImageError('UNAVAILABLE', 'This node does not know all images yet: it is catching up.')
    if (query.after !== null && !index.get(query.after))
      throw new ImageError('INVALID', `There is no image ${query.after} to go on from: begin anew.`)
    const { reports, ageMs } = await report.reports(REPORT_AGE_MS_MAX)
    const held = heldBy(reports)
    const { images, more } = await index.page(
      OPERATOR,
      {
        limit: query.limit,
        marker: query.after,
        sort: [{ key: 'createdAt', direction: 'desc' }],
        filters: [],
        visibility: 'all',
        memberStatus: 'all',
      },
      (image) => this.#isAskedFor(image, query, held),
    )
    const nodes = config.current().nodes.map(({ id }) => id)
    return {
      nodes,
      images: await this.#rows(images, nodes, held),
      next: more ? (images.at(-1)?.id ?? null) : null,
      ageSeconds: ageMs / 1000,
      as_of: new Date(clock.wallMs()).toISOString(),
    }
  }

  #isAskedFor(image: ImageRecord, { show, search }: ImageMapQuery, held: Held): boolean {
    const root = image.data?.root
    if (root === undefined) return false
    const wanted = search.toLowerCase()
    if (!image.id.includes(wanted) && !(image.name ?? '').toLowerCase().includes(wanted)) return false
    const isWhole = (node: NodeId) => held.get(node)?.has(root) === true
    return show === 'all' || !this.#placed(image).every(isWhole)
  }

  #placed(image: ImageRecord): NodeId[] {
    const { config, out } = this.#components
    return placedNodes(config.current(), image.id, image.data?.copies ?? null, new Set(out().out))
  }

  async #rows(images: readonly ImageRecord[], nodes: readonly NodeId[], held: Held): Promise<MapRow[]> {
    const details = await this.#details(images, held)
    return images.map((image) => {
      const placed = this.#placed(image)
      return {
        id: image.id,
        name: image.name,
        status: image.status,
        sizeBytes: image.size,
        createdAt: image.createdAt,
        copies: image.data?.copies ?? null,
        cells: nodes.map((node) => cellOf(node, placed.includes(node), details.get(node)?.get(image.id))),
      }
    })
  }

  /** By node and image. Nodes that hold all of the page are not asked again; who does not answer now is unknown. */
  async #details(
    images: readonly ImageRecord[],
    held: Held,
  ): Promise<Map<NodeId, ReadonlyMap<string, CopyState>>> {
    const { questions } = this.#components
    const lacking = (node: NodeId) => images.filter(({ data }) => !held.get(node)?.has(data?.root ?? ''))
    const asked = [...held.keys()].filter((node) => lacking(node).length > 0)
    const answers = await Promise.all(
      asked.map(async (node) => {
        const some = lacking(node)
        const decode = (answer: unknown) => decodeCopyStates(answer, some.length)
        const answer = await questions.askAll([node], 'copies', decode, () => some.map(sourceOf))
        return [node, answer.get(node)] as const
      }),
    )
    const told = new Map(answers)
    const details = new Map<NodeId, ReadonlyMap<string, CopyState>>()
    for (const [node, roots] of held) {
      const states = new Map<string, CopyState>()
      const some = told.get(node)
      lacking(node).forEach(({ id }, i) => some?.[i] && states.set(id, some[i]))
      for (const { id, data } of images) if (roots.has(data?.root ?? '')) states.set(id, WHOLE)
      details.set(node, states)
    }
    return details
  }
}

type Held = ReadonlyMap<NodeId, ReadonlySet<string>>

const WHOLE: CopyState = { state: 'full', chunks: null }

function cellOf(node: NodeId, placed: boolean, copy: CopyState | undefined): MapCell {
  if (!copy) return { node, placed, state: 'unknown', chunks: null }
  const isElsewhere = !placed && (copy.state === 'missing' || copy.state === 'partial')
  return { node, placed, state: isElsewhere ? 'none' : copy.state, chunks: copy.chunks }
}

function sourceOf({ id, data }: ImageRecord) {
  return { imageId: id, root: data?.root ?? '', copies: data?.copies ?? null }
}
