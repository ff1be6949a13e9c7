/** A failed run, told to a human reader: what was done to the cluster, what clients were told, what is wrong. */
import type { NotedOp } from './cluster/clients.ts'
import type { RunReport } from './run-schedule.ts'
import { describeEvent, type Schedule } from './schedule/schedule.ts'

export function tellStory(schedule: Schedule, report: RunReport): string {
  const { seed, ids, voters, network, events } = schedule
  return [
    `seed ${seed}: ${ids.length} nodes, of which vote ${voters.join(', ')}; trace ${report.trace}`,
    `network: ${Object.entries<number>({ ...network })
      .map(([name, value]) => `${name} ${value.toFixed(3)}`)
      .join(', ')}`,
    `schedule (${events.length} events):`,
    ...events.map((event) => `  ${describeEvent(event, report.beganMs)}`),
    'what clients were told:',
    ...report.history.map((op) => `  ${describeOp(op)}`),
    'what is wrong:',
    ...report.violations.map(({ kind, message }) => `  ${kind}: ${message}`),
  ].join('\n')
}

function describeOp({ key, node, input, output, startMs, endMs, error }: NotedOp): string {
  const change = 'id' in input ? ` #${input.id}` : ''
  const expected = 'expected' in input && input.expected !== null ? ` after #${input.expected}` : ''
  const answer = output
    ? `${output.answer}${'log' in output ? ` "${output.log}"` : ''}`
    : (error ?? 'no answer')
  const span = `${startMs.toFixed(1)} to ${endMs === Infinity ? 'ever' : endMs.toFixed(1)} ms`
  return `${span}: ${input.kind} ${key}${change}${expected} at ${node}: ${answer}`
}
