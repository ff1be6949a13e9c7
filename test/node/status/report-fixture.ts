/** The status of three nodes, a, b and c, as production gathers it: node a is asked, the others answer over a network in memory. */
import type { ImageRecord } from '../../../node/images/image-record.ts'
import type { OutView } from '../../../node/loops/out-nodes.ts'
import { StoreList } from '../../../node/images/store-list.ts'
import { silentLog } from '../../../cluster/runtime.ts'
import { ClusterReport } from '../../../node/status/cluster-report.ts'
import { EventLog } from '../../../node/status/event-log.ts'
import { Mutes } from '../../../node/status/mutes.ts'
import { encodeReport, type NodeReport } from '../../../node/status/node-report.ts'
import { StatusQuestions } from '../../../node/status/status-questions.ts'
import type { NodeStatus } from '../../../node/status/status-types.ts'
import { configOf } from '../../cluster/register/register-fixture.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { MemoryNetwork } from '../../helpers/memory-network.ts'
import { activeImage, imageOf, ROOT } from '../images/image-fixture.ts'

export const own: NodeReport = {
  version: '0.1.0',
  featureLevel: 2,
  diskVersion: 1,
  api: 'http://a:9292',
  uptimeSeconds: 5,
  caughtUp: true,
  hasQuorum: true,
  abstains: null,
  readmission: null,
  voterChange: null,
  blockedTombstones: null,
  integrity: null,
  records: null,
  loops: [],
  backends: [],
  eventLoopDelay: null,
  cache: null,
  hashing: 'wasm',
  storedBytes: 10,
  freeBytes: 20,
  totalBytes: 30,
  forecast: { growthBytesPerDay: null, daysUntilFull: null },
  mutes: [],
  store: null,
  oldGlance: null,
  heldRoots: [ROOT],
}

export function clusterOf(images: ImageRecord[] | null = [activeImage(), imageOf({ id: 'queued' })]) {
  const network = new MemoryNetwork()
  const config = configOf(['a', 'b', 'c'])
  const clock = new ManualClock()
  const states = new Map<string, NodeStatus['state']>()
  const state = {
    images,
    out: { out: [], braked: [] } as OutView,
    refusals: [] as { peer: string; code: string; reason: string }[],
    own,
  }
  const mutes = new Mutes(clock)
  const events = new EventLog(clock, silentLog)
  const answers = new Map<string, unknown>()
  for (const id of ['b', 'c']) {
    answers.set(id, encodeReport({ ...own, api: `http://${id}:9292` }))
    network.join(id).handle('status', () => Promise.resolve(answers.get(id)))
  }
  const report = new ClusterReport({
    self: 'a',
    clock,
    config: { current: () => config },
    questions: new StatusQuestions({ self: 'a', rpc: network.join('a') }),
    mutes,
    events,
    stateOf: (id) => states.get(id) ?? 'alive',
    refusals: () => state.refusals,
    out: () => state.out,
    ownReport: () => state.own,
    images: () => state.images,
    tasks: () => [],
    storeList: new StoreList({
      clusterId: 'cluster',
      isHttpOn: false,
      backends: [{ id: 'big', type: 's3', weight: 0, description: null, properties: {} }],
    }),
  })
  return { report, network, answers, config, clock, states, state, mutes, events }
}
