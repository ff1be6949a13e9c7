/** How far each node has read its chunks back, and what was found. */
import type { NodeStatus } from '../../../../node/status/status-types.ts'
import { PauseButton, RateChoice } from '../loop-table.tsx'
import { Meter, Sign, ToneMark, type Tone } from '../marks.tsx'
import type { Shown } from '../shown.ts'
import { ago, count, countOf, UNKNOWN } from '../words.ts'

const PERCENT = 100

export function Scrub(shown: Shown) {
  const { nodes } = shown.status
  const { sentence, tone } = sentenceOf(nodes)
  return (
    <>
      <section class="lead">
        <p class={`lead-line tone-${tone}`}>
          <ToneMark tone={tone} />
          {sentence}
        </p>
      </section>
      <p class="hint">
        The auditor of each node reads every chunk within a period and compares it with its name. What is
        damaged is set aside and fetched from the others; no client is ever given a wrong byte.
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Auditors">
        <table>
          <caption class="unseen">Auditors</caption>
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col" class="wide">
                This pass
              </th>
              <th scope="col">Whole pass ended</th>
              <th scope="col" class="number">
                Found
              </th>
              <th scope="col" class="number">
                Healed
              </th>
              <th scope="col">Damaged now</th>
              <th scope="col">Rate</th>
              <th scope="col">
                <span class="unseen">Pause or resume</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => (
              <AuditorRow key={node.id} node={node} shown={shown} />
            ))}
          </tbody>
        </table>
      </div>
      <p class="hint">Found and healed count since the start of the node.</p>
    </>
  )
}

function AuditorRow({ node, shown }: { node: NodeStatus; shown: Shown }) {
  const { integrity, address, loops } = node
  const loop = loops?.find(({ name }) => name === 'auditor')
  if (!integrity || !loop)
    return (
      <tr>
        <th scope="row">{address}</th>
        <td colSpan={7}>
          <Sign tone="unknown">unknown: the node does not answer</Sign>
        </td>
      </tr>
    )
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
      <td>
        <RateChoice node={node} loop={loop} shown={shown} />
      </td>
      <td class="number">
        <PauseButton node={node} loop={loop} shown={shown} />
      </td>
    </tr>
  )
}

function sentenceOf(nodes: readonly NodeStatus[]): { sentence: string; tone: Tone } {
  const known = nodes.filter(({ integrity }) => integrity)
  const damaged = known.reduce((sum, { integrity }) => sum + (integrity?.quarantined ?? 0), 0)
  const silent = nodes.length - known.length
  if (damaged > 0)
    return { sentence: `${countOf(damaged, 'damaged chunk')}, not healed yet.`, tone: 'corrupt' }
  if (silent > 0)
    return {
      sentence: `No damage is known; of ${countOf(silent, 'node')} it is ${UNKNOWN}.`,
      tone: 'unknown',
    }
  return { sentence: 'No damaged chunk on any disk.', tone: 'good' }
}
