/** How far each node has read its chunks back, and what was found. */
import type { NodeStatus } from '../../../../node/status/status-types.ts'
import { damageOn } from '../damage.ts'
import { DataTable } from '../data-table.tsx'
import { Lead, type Sentence } from '../lead.tsx'
import { CONTROL_COLUMNS, ControlCells, SilentRow } from '../loop-table.tsx'
import { Meter, Sign } from '../marks.tsx'
import type { Shown } from '../shown.ts'
import { ago, count, countOf, UNKNOWN } from '../words.ts'

const PERCENT = 100
const COLUMNS = [
  'Node',
  { name: 'This pass', class: 'wide' },
  'Whole pass ended',
  { name: 'Found', class: 'number' },
  { name: 'Healed', class: 'number' },
  'Damaged now',
  ...CONTROL_COLUMNS,
]

export function Scrub(shown: Shown) {
  const { nodes } = shown.status
  return (
    <>
      <Lead {...sentenceOf(nodes)} />
      <p class="hint">
        The auditor of each node reads every chunk within a period and compares it with its name. What is
        damaged is set aside and fetched from the others; no client is ever given a wrong byte.
      </p>
      <DataTable caption="Auditors" columns={COLUMNS}>
        {nodes.map((node) => (
          <AuditorRow key={node.id} node={node} shown={shown} />
        ))}
      </DataTable>
      <p class="hint">Found and healed count since the start of the node.</p>
    </>
  )
}

function AuditorRow({ node, shown }: { node: NodeStatus; shown: Shown }) {
  const { integrity, address, loops } = node
  const loop = loops?.find(({ name }) => name === 'auditor')
  if (!integrity || !loop) return <SilentRow address={address} columns={COLUMNS.length} />
  const percent = Math.floor(integrity.position * PERCENT)
  return (
    <tr>
      <th scope="row">{address}</th>
      <td class="wide">
        <Meter
          parts={[{ share: integrity.position, tone: 'stored', label: 'read' }]}
          label={`${percent} percent of pass ${integrity.pass}`}
        />
        <span class="small quiet">
          pass {integrity.pass}, {percent} %{loop.state === 'paused' ? ', paused' : ''}
        </span>
      </td>
      <td>{integrity.lastPassEndedAt ? ago(integrity.lastPassEndedAt, shown.now) : 'never'}</td>
      <td class="number">{count(integrity.found)}</td>
      <td class="number">{count(integrity.healed)}</td>
      <td>
        <Sign tone={integrity.quarantined > 0 ? 'corrupt' : 'good'}>{count(integrity.quarantined)}</Sign>
      </td>
      <ControlCells node={node} loop={loop} shown={shown} />
    </tr>
  )
}

function sentenceOf(nodes: readonly NodeStatus[]): Sentence {
  const { damaged, silent } = damageOn(nodes)
  if (damaged > 0)
    return { sentence: `${countOf(damaged, 'damaged chunk')}, not healed yet.`, tone: 'corrupt' }
  if (silent > 0)
    return {
      sentence: `No damage is known; of ${countOf(silent, 'node')} it is ${UNKNOWN}.`,
      tone: 'unknown',
    }
  return { sentence: 'No damaged chunk on any disk.', tone: 'good' }
}
