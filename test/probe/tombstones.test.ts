/** The ids of deleted images become free again once every voter agrees (R9), and not before. */
import t from 'tap'
import { keygen } from '../../node/cli/keygen.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'

/** Days for which an id stays taken: the least that can be set. */
const SETTINGS = [{ section: 'images', name: 'tombstone_days', value: '0' }]
/** Enough for each node to be the coordinator of some. */
const IMAGES = 9
const AWAY = 2

t.test(
  'deleted images go for good when the last voter is back, which the status names until then',
  async (t) => {
    const cluster = await ProbeCluster.start(t, { settings: SETTINGS })
    const ids: string[] = []
    for (let index = 0; index < IMAGES; index++) ids.push(await cluster.client(index).newImage())
    const kept = await cluster.client(0).newImage({ name: 'kept' })
    await cluster.dev.stop(AWAY)
    for (const id of ids) t.match(await cluster.client(0).remove(id), { status: 204 })
    // A node looks for what is due when it has just started, and then once an hour.
    for (const index of [0, 1]) await cluster.dev.stop(index)
    for (const index of [0, 1]) await cluster.dev.start(index)

    const away = await keygen(cluster.dev.node(AWAY).directory)
    await eventually('the status names the voter that is missing', async () => {
      const { checks } = await cluster.status(0)
      return checks.some(({ code, who }) => code === 'TOMBSTONES_BLOCKED' && who === away)
    })
    for (const id of ids)
      t.match(await cluster.client(1).create({ id }), { status: 409 }, 'the id stays taken')

    await cluster.dev.start(AWAY)
    await eventually('nothing stands in the way any more', async () =>
      (await cluster.status(AWAY)).checks.every(({ code }) => code !== 'TOMBSTONES_BLOCKED'),
    )
    for (const id of ids)
      await eventually('the id is free again', async () => {
        const { status } = await cluster.client(AWAY).create({ id, name: 'anew' })
        return status === 201
      })
    for (const client of cluster.clients) {
      for (const id of ids) t.match(await client.show(id), { name: 'anew' })
      t.match(await client.show(kept), { name: 'kept' })
    }
  },
)
