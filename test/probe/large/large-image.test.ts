/**
 * An image far larger than any memory budget goes through, and the nodes stay small. Needs some 13 GiB of disk, or 5 where
 * there is less: then one node has to do. Apart from the other probes because it takes minutes.
 */
import { statfs } from 'node:fs/promises'
import t from 'tap'
import { describe } from '../../helpers/image-client.ts'
import { residentPeakBytes } from '../../helpers/memory-of.ts'
import { digestOf, Meter, patternImage } from '../../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../../helpers/probe-cluster.ts'

const MIB = 1024 ** 2
const GIB = 1024 ** 3
const IMAGE_BYTES = 4 * GIB
const RESIDENT_BYTES_MAX = 400 * MIB
/** Three copies and as much again, since the machine has other users. */
const FREE_BYTES_FOR_THREE = 30 * GIB

t.test('4 GiB through one node and back from another', async (t) => {
  const { bavail, bsize } = await statfs(import.meta.dirname)
  const cluster = await ProbeCluster.start(t, { nodes: bavail * bsize < FREE_BYTES_FOR_THREE ? 1 : 3 })
  const id = await cluster.client(0).newImage()

  const sent = new Meter()
  const uploading = stopwatch()
  const stored = await cluster.client(0).put(id, sent.count(patternImage(IMAGE_BYTES, 1)))
  t.equal(stored.status, 204, describe(stored))
  t.comment(`upload: ${uploading()}`)
  const wanted = sent.result()

  const reading = stopwatch()
  const answer = await cluster.client(1).open('GET', `/v2/images/${id}/file`)
  t.equal(answer.statusCode, 200)
  t.strictSame(await digestOf(answer), wanted)
  t.comment(`download: ${reading()}`)
  t.match(await cluster.client(1).show(id), { size: IMAGE_BYTES, os_hash_value: wanted.sha512 })

  const copying = stopwatch()
  await cluster.full(0)
  t.comment(`all copies complete after another ${copying()}`)
  for (const [index, pid] of (await cluster.pids()).entries()) {
    const peakBytes = await residentPeakBytes(pid!)
    t.ok(peakBytes < RESIDENT_BYTES_MAX, `node ${index}: ${Math.round(peakBytes / MIB)} MiB resident at most`)
  }

  t.match(await cluster.client(1).remove(id), { status: 204 })
  t.match(await cluster.client(0).data(id), { status: 404 })
  await eventually('no node holds it', async () => {
    const { nodes } = await cluster.status(0)
    return nodes.every(({ imagesHeld }) => imagesHeld === 0)
  })
})

/** Seconds and rate since it was made, for the log. */
function stopwatch(): () => string {
  const startMs = performance.now()
  return () => {
    const seconds = (performance.now() - startMs) / 1000
    return `${seconds.toFixed(1)} s, ${Math.round(IMAGE_BYTES / MIB / seconds)} MiB/s`
  }
}
