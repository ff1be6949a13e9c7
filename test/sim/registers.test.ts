/**
 * The registers under loss, delay, one-way cuts and crashes, from many seeds. Every history is checked for
 * linearizability; afterwards the network heals and all nodes must come to hold the same.
 *
 * SERAC_SIM_SEED=n runs one seed; SERAC_SIM_SEEDS=n runs that many.
 */
import t from 'tap'
import { isLinearizable } from './linearizability.ts'
import { counterModel, KEY, recordHistory } from './register-history.ts'

const SEEDS = Number(process.env['SERAC_SIM_SEEDS'] ?? 60)
const one = process.env['SERAC_SIM_SEED']
const seeds = one === undefined ? Array.from({ length: SEEDS }, (_, i) => i + 1) : [Number(one)]

t.test('histories are linearizable and the nodes converge', async (t) => {
  let checked = 0
  for (const seed of seeds) {
    const { ops, cluster } = await recordHistory(seed)
    if (!isLinearizable(ops, counterModel)) t.fail(`seed ${seed}: the history is not linearizable`)
    const digests = new Set(cluster.ids.map((id) => cluster.disk(id).learners.get(KEY)?.digest))
    if (digests.size !== 1) t.fail(`seed ${seed}: the nodes hold ${digests.size} different records`)
    const unsettled = cluster.ids.flatMap((id) => cluster.node(id)?.storage.unsettledKeys() ?? [])
    if (unsettled.length > 0) t.fail(`seed ${seed}: rows stay unsettled: ${unsettled.join(', ')}`)
    checked += ops.length
  }
  t.comment(`${seeds.length} seeds, ${checked} operations`)
  t.ok(checked > seeds.length * 30, 'the clients got something done')
})
