/** Where images lie beside the cluster, what is on its way there, and what nodes keep of what they do not hold. */
import type { ClusterStatus, NodeStatus } from '../../../../node/status/status-types.ts'
import { DataTable } from '../data-table.tsx'
import { Figure } from '../figure.tsx'
import { Lead, type Sentence } from '../lead.tsx'
import { SilentRow } from '../loop-table.tsx'
import { Meter, Sign, type Tone } from '../marks.tsx'
import type { Shown } from '../shown.ts'
import { isBackend, stateOf, type StoreCount } from '../store-state.ts'
import { bytes, count, countOf, UNKNOWN } from '../words.ts'

const PERCENT = 100
const STORE_COLUMNS = [
  'Store',
  'Can be used',
  { name: 'Images', class: 'number' },
  { name: 'Bytes', class: 'number', title: 'Each image counts once, whatever copies there are of it' },
  { name: 'Nowhere else', class: 'number' },
]
const CACHE_COLUMNS = [
  'Node',
  { name: 'Used', class: 'wide' },
  { name: 'Images', class: 'number' },
  { name: 'To fetch', class: 'number' },
  { name: 'Downloads from it', class: 'number' },
  { name: 'Made room', class: 'number' },
  'Damaged',
]

export function Stores({ status }: Shown) {
  return (
    <>
      <Lead {...sentenceOf(status)} />
      <StoreTable status={status} />
      <section aria-labelledby="imports-title">
        <h2 id="imports-title">
          Imports <small>tasks that are over are kept for a while</small>
        </h2>
        <Work work={status.work} />
      </section>
      <section aria-labelledby="caches-title">
        <h2 id="caches-title">
          Image caches <small>of what a node does not hold itself</small>
        </h2>
        <Caches nodes={status.nodes} />
      </section>
    </>
  )
}

function StoreTable({ status: { stores, nodes } }: Pick<Shown, 'status'>) {
  if (!stores)
    return (
      <p class="notice tone-unknown">This node has not caught up yet: what is where is not known here.</p>
    )
  return (
    <DataTable caption="Stores" columns={STORE_COLUMNS}>
      {stores.map((store) => (
        <tr key={store.id}>
          <th scope="row">
            {store.id}
            <span class="image-id quiet">
              {store.type}
              {store.isDefault ? ', the default' : ''}
            </span>
          </th>
          <td>
            <Condition store={store} nodes={nodes} />
          </td>
          <td class="number">{count(store.images.images)}</td>
          <td class="number">{bytes(store.images.bytes)}</td>
          <td class="number">{count(store.only.images)}</td>
        </tr>
      ))}
    </DataTable>
  )
}

function Condition({ store, nodes }: { store: StoreCount; nodes: readonly NodeStatus[] }) {
  if (!isBackend(store))
    return <span class="quiet">{store.type === 'cluster' ? 'the nodes themselves' : 'only read'}</span>
  const { tone, word, why } = stateOf(store, nodes)
  return (
    <>
      <Sign tone={tone}>{word}</Sign>
      {why ? <p class="small quiet">{why}</p> : null}
    </>
  )
}

function Work({ work }: Pick<ClusterStatus, 'work'>) {
  const tasks = work?.tasks
  const unknown = work ? null : 'unknown'
  return (
    <dl class="figures of-five">
      <Figure name="Staged" tone={unknown} word={work ? bytes(work.staged.bytes) : ''}>
        {count(work?.staged.images)}
        <small> {work?.staged.images === 1 ? 'image' : 'images'}</small>
      </Figure>
      <Figure name="Tasks waiting" tone={unknown}>
        {count(tasks?.pending)}
      </Figure>
      <Figure name="Under way" tone={tasks?.processing ? 'info' : unknown}>
        {count(tasks?.processing)}
      </Figure>
      <Figure name="Succeeded" tone={unknown}>
        {count(tasks?.success)}
      </Figure>
      <Figure
        name="Failed"
        tone={tasks?.failure ? 'warning' : unknown}
        word={tasks?.failure ? 'serac tasks' : ''}
      >
        {count(tasks?.failure)}
      </Figure>
    </dl>
  )
}

function Caches({ nodes }: { nodes: readonly NodeStatus[] }) {
  const hasAny = nodes.some(({ cache, loops }) => cache !== null || loops === null)
  if (!hasAny) return <p class="empty">No node has one: it is for nodes that do not hold every image.</p>
  return (
    <>
      <DataTable caption="Image caches" columns={CACHE_COLUMNS}>
        {nodes.map((node) => (
          <CacheRow key={node.id} node={node} />
        ))}
      </DataTable>
      <p class="hint">Downloads, what made room and what was damaged count since the start of the node.</p>
    </>
  )
}

function CacheRow({ node: { address, cache, loops } }: { node: NodeStatus }) {
  if (!loops) return <SilentRow address={address} columns={CACHE_COLUMNS.length} />
  if (!cache)
    return (
      <tr>
        <th scope="row">{address}</th>
        <td class="quiet" colSpan={CACHE_COLUMNS.length - 1}>
          none
        </td>
      </tr>
    )
  const { usedBytes, bytesMax, hits, misses } = cache
  const used = bytesMax > 0 ? Math.min(1, usedBytes / bytesMax) : 0
  const asked = hits + misses
  return (
    <tr>
      <th scope="row">{address}</th>
      <td class="wide">
        <Meter
          parts={[{ share: used, tone: 'stored', label: 'used' }]}
          label={`${Math.round(used * PERCENT)} percent used`}
        />
        <span class="small quiet">
          {bytes(usedBytes)} of {bytes(bytesMax)}
        </span>
      </td>
      <td class="number">{count(cache.images)}</td>
      <td class="number">{count(cache.queued)}</td>
      <td class="number">{asked === 0 ? '–' : `${count(hits)} of ${count(asked)}`}</td>
      <td class="number">{count(cache.evicted)}</td>
      <td>
        <Sign tone={cache.damaged > 0 ? 'corrupt' : 'good'}>{count(cache.damaged)}</Sign>
      </td>
    </tr>
  )
}

function sentenceOf({ stores, nodes }: ClusterStatus): Sentence {
  if (!stores) return { sentence: 'What is in the stores is not known here yet.', tone: 'unknown' }
  const states = stores
    .filter(isBackend)
    .map((store) => ({ id: store.id, only: store.only, ...stateOf(store, nodes) }))
  const named = (tone: Tone) => states.filter((state) => state.tone === tone)
  const names = (some: readonly { id: string }[]) => some.map(({ id }) => id).join(', ')
  const [lost, hurt, unknown] = [named('critical'), named('warning'), named('unknown')]
  const images = lost.reduce((sum, { only }) => sum + only.images, 0)
  if (lost.length > 0)
    return {
      sentence: `${names(lost)} cannot be used, and ${countOf(images, 'image')} ${images === 1 ? 'is' : 'are'} nowhere else.`,
      tone: 'critical',
    }
  if (hurt.length > 0) return { sentence: `${names(hurt)} cannot be used as it should be.`, tone: 'warning' }
  if (unknown.length > 0)
    return { sentence: `Whether every node can use ${names(unknown)} is ${UNKNOWN}.`, tone: 'unknown' }
  if (states.length === 0) return { sentence: 'There is no store beside the cluster.', tone: 'good' }
  return { sentence: 'Every store can be used by every node.', tone: 'good' }
}
