/**
 * 10 GiB on one node: an auditor pass finds every rotten chunk, and the space of what is deleted comes back. Needs some
 * 16 GiB of disk. Apart from the other probes because it takes minutes.
 */
import t from 'tap'
import type { LoopsDocument } from '../../../node/status/loop-admin.ts'
import { describe } from '../../helpers/image-client.ts'
import { digestOf, patternImage } from '../../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../../helpers/probe-cluster.ts'
import { rot, segmentBytes } from '../../helpers/stored-segments.ts'

const MIB = 1024 ** 2
const IMAGE_BYTES = 256 * MIB
const IMAGES = 40
const ROTTEN_CHUNKS = 1000
/** Faster than any disk: nothing but the work itself holds the auditor up. */
const FULL_RATE = 1024 ** 4
const GRACE_MS = 2000
const SETTINGS = [{ section: 'store', name: 'reclaim_grace', value: '2s' }]
/** Manifests, padding, and the segment that is being filled. */
const SLACK_BYTES = 300 * MIB
/** No assertion: only so that a state that never comes ends the test. */
const LIMIT = { limitMs: 300_000 }

t.test('10 GiB: half is deleted, and what is left rots', async (t) => {
  const cluster = await ProbeCluster.start(t, { nodes: 1, settings: SETTINGS })
  const client = cluster.client(0)
  const { directory, operatorUrl } = cluster.dev.node(0)
  const ids: string[] = []
  const uploading = stopwatch()
  for (let seed = 0; seed < IMAGES; seed++) {
    ids.push(await client.newImage())
    const reply = await client.put(ids[seed]!, patternImage(IMAGE_BYTES, seed))
    t.equal(reply.status, 204, describe(reply))
  }
  t.comment(`uploaded: ${uploading()}`)

  t.equal(await rot(directory, ROTTEN_CHUNKS), ROTTEN_CHUNKS)
  const auditing = stopwatch()
  const auditor = new URL('/v1/cluster/loops/auditor', operatorUrl)
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(auditor, { method: 'POST', headers, body: JSON.stringify({ rate: FULL_RATE }) })
  t.ok(answer.ok)
  const passEnded = async () => {
    const document = (await (await fetch(new URL('/v1/cluster/loops', operatorUrl))).json()) as LoopsDocument
    const progress = document.loops.find(({ name }) => name === 'auditor')?.progress
    return progress?.['lastPassEndedAt'] !== null && progress?.['position'] === 1
  }
  await eventually('a pass over all chunks', passEnded, LIMIT)
  t.comment(`read back: ${auditing()}`)
  const { nodes } = await cluster.status(0)
  t.match(nodes[0], { integrity: { found: ROTTEN_CHUNKS, healed: 0, quarantined: ROTTEN_CHUNKS } })

  const deleting = stopwatch()
  const half = ids.splice(0, IMAGES / 2)
  for (const id of half) t.match(await client.remove(id), { status: 204 })
  t.comment(`deleted: ${deleting()}, the grace being ${GRACE_MS} ms`)
  const leftBytes = (IMAGES / 2) * IMAGE_BYTES + SLACK_BYTES
  await eventually('the space is back', async () => (await segmentBytes(directory)) <= leftBytes, LIMIT)
  t.comment(`space back after ${deleting()}`)
  const last = await client.open('GET', `/v2/images/${ids.at(-1)!}/file`)
  t.strictSame(await digestOf(last), await digestOf(patternImage(IMAGE_BYTES, IMAGES - 1)))
})

function stopwatch(): () => string {
  const beganMs = performance.now()
  return () => `${Math.round((performance.now() - beganMs) / 100) / 10} s`
}
