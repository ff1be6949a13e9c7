/** Which node has what of which image. */
import { useState } from 'preact/hooks'
import type { ImageMapDocument, MapCell, MapRow, MapState } from '../../../../node/status/image-map.ts'
import { Choice } from '../choice.tsx'
import { DataTable, type Column } from '../data-table.tsx'
import { useLive } from '../live.ts'
import { MAP_WORDS, MapMark } from '../marks.tsx'
import type { Shown } from '../shown.ts'
import { bytes, count, nodeName, seconds } from '../words.ts'

const EVERY_MS = 5000
const PAGE_IMAGES = 50
const SHOWN = [
  ['all', 'All'],
  ['attention', 'Not whole'],
] as const
const IMAGE_COLUMNS = [
  'Image',
  'Status',
  { name: 'Size', class: 'number' },
  { name: 'Copies', class: 'number' },
]
const LEGEND: readonly MapState[] = ['full', 'partial', 'missing', 'corrupt', 'unknown', 'none']

export function Images(shown: Shown) {
  const [show, setShow] = useState<'all' | 'attention'>('all')
  const [search, setSearch] = useState('')
  /** What each page begins after; the last is the one that is shown. */
  const [trail, setTrail] = useState<readonly string[]>([])
  const after = trail.at(-1)
  const query = new URLSearchParams({ limit: String(PAGE_IMAGES), show, search, ...(after && { after }) })
  const {
    document: map,
    failure,
    receivedMs,
  } = useLive<ImageMapDocument>(`/v1/cluster/images?${query}`, EVERY_MS)
  const begin = (change: () => void) => {
    setTrail([])
    change()
  }
  return (
    <>
      <div class="tools">
        <Choice
          legend="Which images"
          class="segments"
          name="show"
          options={SHOWN}
          value={show}
          onChoose={(next) => begin(() => setShow(next))}
        />
        <label class="search">
          <span class="unseen">Search by name or id</span>
          <input
            type="search"
            placeholder="Name or id"
            value={search}
            onInput={({ currentTarget }) => begin(() => setSearch(currentTarget.value))}
          />
        </label>
        <ul class="legend" aria-label="Signs">
          {LEGEND.map((state) => (
            <li key={state}>
              <MapMark state={state} />
              {MAP_WORDS[state]}
            </li>
          ))}
        </ul>
      </div>
      {failure ? <p class="notice tone-unknown">{failure.message}</p> : null}
      {map ? <MapTable map={map} shown={shown} /> : failure ? null : <p class="empty">Asking the nodes…</p>}
      {map ? (
        <div class="pages">
          <button type="button" disabled={trail.length === 0} onClick={() => setTrail(trail.slice(0, -1))}>
            Newer
          </button>
          <button
            type="button"
            disabled={map.next === null}
            onClick={() => map.next !== null && setTrail([...trail, map.next])}
          >
            Older
          </button>
          <p class="quiet">
            Page {trail.length + 1}, as of{' '}
            {seconds(map.ageSeconds + Math.max(0, shown.now - receivedMs) / 1000)} ago
          </p>
        </div>
      ) : null}
    </>
  )
}

function MapTable({ map, shown }: { map: ImageMapDocument; shown: Shown }) {
  if (map.images.length === 0) return <p class="empty">There is no such image.</p>
  const nodes = map.nodes.map((id): Column => ({
    name: nodeName(shown.status.nodes, id),
    class: 'map-node',
    title: id,
  }))
  const columns = [...IMAGE_COLUMNS, ...nodes]
  return (
    <DataTable class="map" caption="Images by node" columns={columns}>
      {map.images.map((image) => (
        <MapRowView key={image.id} image={image} shown={shown} />
      ))}
    </DataTable>
  )
}

function MapRowView({ image, shown }: { image: MapRow; shown: Shown }) {
  const whole = image.cells.filter(({ state, placed }) => placed && state === 'full').length
  const placed = image.cells.filter((cell) => cell.placed).length
  return (
    <tr>
      <th scope="row">
        <span class="image-name">{image.name ?? <i>unnamed</i>}</span>
        <span class="mono quiet image-id">{image.id}</span>
      </th>
      <td>{image.status}</td>
      <td class="number">{bytes(image.sizeBytes)}</td>
      <td class="number">
        {count(whole)}
        <span class="quiet"> of {count(placed)}</span>
      </td>
      {image.cells.map((cell) => (
        <MapCellView key={cell.node} cell={cell} isStale={shown.isStale} />
      ))}
    </tr>
  )
}

/** What is too old to be believed is unknown, whatever it was. */
function MapCellView({ cell, isStale }: { cell: MapCell; isStale: boolean }) {
  const state: MapState = isStale ? 'unknown' : cell.state
  const parts = isStale ? null : cell.chunks
  const isStray = !cell.placed && state === 'full'
  const words = [
    MAP_WORDS[state],
    ...(isStray ? ['not placed here'] : []),
    ...(parts ? [`${parts.present} of ${parts.total} chunks`] : []),
    ...(parts && parts.damaged > 0 ? [`${parts.damaged} damaged`] : []),
  ]
  return (
    <td class="cell" title={words.join(', ')}>
      <MapMark state={state} />
      <span class="unseen">{words.join(', ')}</span>
      {parts && state !== 'full' && state !== 'none' ? (
        <span class="cell-parts" aria-hidden="true">
          {state === 'corrupt' && parts.damaged > 0
            ? `${parts.damaged} bad`
            : `${parts.present}/${parts.total}`}
        </span>
      ) : null}
    </td>
  )
}
