/** An image of a real Glance on Ceph is taken over where it lies: what is cloned from it stays that of its clones. */
import type { Test } from 'tap'
import { describe, ImageClient } from '../../helpers/image-client.ts'
import { OPEN_GLANCE, RealGlance } from '../real-glance.ts'
import { RealCeph } from '../real-ceph.ts'
import type { StoreImages } from '../store-images.ts'
import { asMoved, shownBy } from './glance-gallery.ts'
import { SeracCommand } from './serac-command.ts'

export interface PoolScene {
  real: RealCeph
  images: StoreImages
  /** Of the nodes, to whom the pool is the store `ceph`. */
  clients: readonly ImageClient[]
  operatorUrl: string
}

export async function adoptedPool(t: Test, { real, images, clients, operatorUrl }: PoolScene): Promise<void> {
  const main = {
    rbd_store_pool: RealCeph.pool,
    rbd_store_user: RealCeph.user,
    rbd_store_ceph_conf: real.conf,
  }
  const glance = await RealGlance.start(t, [
    ...OPEN_GLANCE,
    { section: 'DEFAULT', name: 'enabled_backends', value: 'main:rbd' },
    ...Object.entries(main).map(([name, value]) => ({ section: 'main', name, value })),
  ])
  const there = new ImageClient(glance.url)
  const id = await there.newImage({ name: 'of-glance', owner: 'p1' })
  const sent = await there.put(id, images.bytes())
  t.equal(sent.status, 204, describe(sent))
  const snapshot = `${RealCeph.pool}/${id}@snap`
  const infoOf = () => real.rbd('info', '--format', 'json', snapshot)
  const before = await infoOf()
  const clone = `${RealCeph.otherPool}/disk`
  await real.rbd('clone', snapshot, clone)

  const adopt = ['import-glance', '--from-url', glance.url, '--adopt', 'ceph', '-f', 'json']
  const report = await new SeracCommand(...adopt, '--url', operatorUrl).report()
  t.match(report, { exitCode: 0, attention: [], bytesSent: 0, counts: { moved: 1 } })
  t.equal(await infoOf(), before)
  const wanted = asMoved(await shownBy(there, id))
  for (const client of clients) t.strictSame(await shownBy(client, id), wanted)
  const [start, end] = [Math.floor(images.sizeBytes / 3), images.sizeBytes - 1]
  const [first] = clients as [ImageClient]
  t.equal(await images.fetchedPart(first, id, start, end), await images.partDigest(start, end))
  t.match(await images.shown(id), { stores: 'ceph', direct_url: new RegExp(`/${RealCeph.pool}/${id}/snap$`) })

  t.equal((await first.remove(id)).status, 409, 'it has a clone')
  await real.rbd('rm', '--no-progress', clone)
  t.equal((await first.remove(id)).status, 204)
}
