/** The operator page as three real nodes serve it: whole, with a rotten chunk, and with a node dead. */
import t from 'tap'
import { patternImage } from '../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { rot } from '../helpers/stored-segments.ts'
import { launch, openPage, takePicture } from './browser.ts'

const IMAGE_BYTES = 9 * 1024 ** 2
/** Faster than any disk. */
const FULL_RATE = 1024 ** 4

t.setTimeout(280_000)

t.test('what happens to the cluster shows, and what is set takes effect', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const id = await cluster.client(0).newImage()
  t.match(await cluster.client(0).put(id, patternImage(IMAGE_BYTES, 1)), { status: 204 })
  await cluster.full(0)
  const browser = await launch(t)
  const page = await openPage(t, browser, cluster.dev.node(0).operatorUrl)
  const show = (view: string) => page.evaluate(`location.hash = '${view}'`)
  const cell = (word: RegExp) => page.locator('td.cell .unseen').getByText(word)
  await page.getByText('Everything is safe.').waitFor()
  await takePicture(page, 'real-overview-healthy')
  await show('images')
  await eventually('three full copies', async () => (await cell(/^full$/).count()) === 3)

  await show('stores')
  await page.getByRole('row', { name: /^cluster.* the nodes themselves 1 9\.0 MiB 1$/ }).waitFor()
  await takePicture(page, 'real-stores')

  const address = (await cluster.ownStatus(1)).address
  await show('repair')
  for (const loop of ['updater', 'healer']) {
    await page.getByRole('button', { name: `Pause the ${loop} of ${address}` }).click()
    await page.getByRole('button', { name: `Resume the ${loop} of ${address}` }).waitFor()
  }
  t.ok(await cluster.isShown(2, 'LOOP_PAUSED', 1), 'the other node was paused, through this one')
  t.equal(await rot(cluster.dev.node(1).directory, 1), 1)
  await cluster.setLoop(1, 'auditor', { rate: FULL_RATE })
  await show('images')
  await cell(/^corrupt/).waitFor({ timeout: 60_000 })
  await takePicture(page, 'real-images-corrupt')
  await show('repair')
  for (const loop of ['healer', 'updater'])
    await page.getByRole('button', { name: `Resume the ${loop} of ${address}` }).click()
  await cluster.full(0)

  await cluster.dev.node(2).process.kill()
  await show('images')
  await cell(/^unknown$/).waitFor({ timeout: 60_000 })
  t.equal(await cell(/^full$/).count(), 2, 'a node that is gone is no copy')
  await show('overview')
  await page.getByText('Everything works, with less safety than there should be.').waitFor()
  await takePicture(page, 'real-overview-dead')
})
