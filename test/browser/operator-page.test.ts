/** The operator page in a real browser, served states of a cluster: what it says, what it lets one do, and for whom it works. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { accessFor } from '../helpers/operator-components.ts'
import { launch, openPage, PICTURES, serve, takePicture } from './browser.ts'
import { FixtureCluster, STATES, type FixtureState } from './fixture-cluster.ts'
import type { FixtureStores } from './fixture-stores.ts'

const VIEWS = ['overview', 'nodes', 'images', 'stores', 'repair', 'scrub', 'capacity', 'events'] as const
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
/** What alone can differ between light and dark. */
const CONTRAST = ['color-contrast']

t.setTimeout(280_000)
const browser = await launch(t)

async function clusterIn(t: Test, state: FixtureState = 'healthy') {
  const cluster = new FixtureCluster()
  cluster.state = state
  const url = await serve(t, cluster.components)
  return { cluster, url }
}

/** Waits until the view has all that it shows. */
async function show(page: Page, view: (typeof VIEWS)[number]): Promise<void> {
  await page.evaluate(`location.hash = '${view}'`)
  await page.getByRole('heading', { level: 1, name: new RegExp(view, 'i') }).waitFor()
  await page.getByText('Asking the node').first().waitFor({ state: 'detached' })
}

async function violations(page: Page, only: readonly string[] = RULES): Promise<string[]> {
  await page.evaluate(AXE)
  const options = { runOnly: only, resultTypes: ['violations'], preload: false }
  return page.evaluate<string[]>(`axe.run(document, ${JSON.stringify(options)}).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html.slice(0, 200))))`)
}

t.test('every view is sound for whoever reads it otherwise, light and dark', async (t) => {
  const { cluster, url } = await clusterIn(t)
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await openPage(t, browser, url, { colorScheme })
    for (const state of PICTURES ? STATES : (['corrupt'] as const)) {
      cluster.state = state
      await page.reload()
      for (const view of VIEWS) {
        await show(page, view)
        const only = colorScheme === 'light' ? RULES : CONTRAST
        if (state === 'corrupt') t.strictSame(await violations(page, only), [], `${view}, ${colorScheme}`)
        await takePicture(page, `${view}-${state}-${colorScheme}`)
      }
    }
  }
})

t.test('while images are moved here, it is said how much the old Glance is still asked', async (t) => {
  const { cluster, url } = await clusterIn(t)
  const page = await openPage(t, browser, url)
  await show(page, 'overview')
  t.equal(await page.getByText('From the old Glance').count(), 0)
  const agoMs = (ms: number) => new Date(Date.now() - ms).toISOString()
  cluster.oldGlance = {
    urls: ['http://old:9292'],
    answers: true,
    requests: 1234,
    lastRequestAt: agoMs(2 * 3_600_000),
    countedSince: agoMs(86_400_000 * 3),
  }
  await page.reload()
  await page.getByText('1,234 requests').waitFor()
  await page.getByText('the last 2 h 0 min ago').waitFor()
  await page.getByText(/read from http:\/\/old:9292, and are in no list/).waitFor()
  cluster.oldGlance.answers = false
  await page.reload()
  await page.getByText('it does not answer every node').waitFor()
  t.strictSame(await violations(page), [])
})

t.test('which stores can be used, what is on its way there, and what is cached', async (t) => {
  const { cluster, url } = await clusterIn(t)
  const seen = {
    plain: 'no store beside',
    several: 'used by every node',
    faulty: '2 images are nowhere else',
  }
  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [1440, 390]) {
      const page = await openPage(t, browser, url, { colorScheme, width })
      for (const [stores, sentence] of Object.entries(seen)) {
        cluster.stores = stores as FixtureStores
        await page.reload()
        await show(page, 'stores')
        await page.locator('.lead-line').getByText(sentence).waitFor()
        t.strictSame(await violations(page), [], `${stores}, ${colorScheme}, ${width}`)
        const isTooWide = 'document.documentElement.scrollWidth > document.documentElement.clientWidth'
        t.notOk(await page.evaluate<boolean>(isTooWide), `${stores} fits into ${width}`)
        await takePicture(page, `stores-${stores}-${colorScheme}-${width}`)
      }
    }
  const page = await openPage(t, browser, `${url}/#stores`)
  const row = (name: string) => page.getByRole('row', { name })
  await row('archive').getByText('by no node').waitFor()
  await row('archive').getByText('ECONNREFUSED').waitFor()
  await row('shared').getByText('not by 1 of 3 nodes').waitFor()
  await row('ceph').getByText('by every node').waitFor()
  t.match(await page.locator('nav a', { hasText: 'Stores' }).textContent(), 'Stores2')
  const figures = await page.locator('.figures > div').allTextContents()
  t.strictSame(figures, [
    'Staged3 images9.4 GiB',
    'Tasks waiting2',
    'Under way4',
    'Succeeded118',
    'Failed17serac tasks',
  ])
  await row('10.20.0.11').getByText('none').waitFor()
  await row('10.20.0.13').getByText('99.8 GiB of 100 GiB').waitFor()
  await row('10.20.0.13').getByText('9,098 of 13,198').waitFor()
  cluster.state = 'partition'
  cluster.stores = 'several'
  await page.reload()
  await row('ceph').getByText('by 1 of 3 nodes, 2 unknown').waitFor()
  t.equal(await page.getByText('unknown: the node does not answer').count(), 2)
  t.match(await page.locator('nav a', { hasText: 'Stores' }).textContent(), 'Stores?')
})

t.test('what is unknown is said to be, in a colour of its own', async (t) => {
  const { url } = await clusterIn(t, 'partition')
  const page = await openPage(t, browser, url)
  await page.getByText('Images can be read; nothing can be changed.').waitFor()
  await show(page, 'images')
  await page.locator('td.cell').first().waitFor()
  const words = await page.locator('td.cell .unseen').allTextContents()
  t.equal(
    words.filter((word) => word === 'unknown').length,
    (words.length * 2) / 3,
    'two of three nodes are cut off',
  )
  const colourOf = (state: string) =>
    page.evaluate<string>(`getComputedStyle(document.querySelector('td.cell .tone-${state}')).color`)
  t.not(await colourOf('unknown'), await colourOf('good'))
  await show(page, 'scrub')
  t.equal(await page.getByText('unknown: the node does not answer').count(), 2)
  await show(page, 'capacity')
  t.ok((await page.getByText('images lost').count()) > 0, 'what goes with the last node that answers')
})

t.test('a check is muted and counts again', async (t) => {
  const { url } = await clusterIn(t, 'corrupt')
  const page = await openPage(t, browser, url)
  const verdict = page.locator('.bar-verdict')
  await page.getByRole('button', { name: 'Mute UNDER_REPLICATED' }).click()
  await page.getByRole('dialog').getByLabel('8 hours').check()
  await page.getByLabel('Why (others will read it)').fill('known since Tuesday')
  await page.getByRole('dialog').getByRole('button', { name: 'Mute' }).click()
  await page.getByText(': known since Tuesday').waitFor()
  t.match(await verdict.textContent(), 'DEGRADED', 'the other still counts')
  await page.getByRole('button', { name: /Mute CHUNKS_DAMAGED/ }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Mute' }).click()
  await verdict.getByText('HEALTHY').waitFor()
  await page.getByRole('button', { name: 'Unmute UNDER_REPLICATED' }).click()
  await verdict.getByText('DEGRADED').waitFor()
})

t.test('a loop of another node is paused, given a rate and resumed', async (t) => {
  const { url } = await clusterIn(t)
  const page = await openPage(t, browser, `${url}/#repair`)
  await page.getByRole('button', { name: 'Pause the updater of 10.20.0.12' }).click()
  await page.getByRole('status').getByText('The updater of 10.20.0.12 is paused.').waitFor()
  const resume = page.getByRole('button', { name: 'Resume the updater of 10.20.0.12' })
  await resume.waitFor()
  t.match(await page.locator('.bar-verdict').textContent(), 'DEGRADED', 'nobody forgets it')
  const rate = page.getByLabel('Rate of the updater of 10.20.0.12')
  await rate.selectOption({ label: '50.0 MiB/s' })
  await page.getByRole('status').getByText('is set').waitFor()
  t.equal(await rate.inputValue(), String(50 * 1024 ** 2))
  await resume.click()
  await page.getByRole('button', { name: 'Pause the updater of 10.20.0.12' }).waitFor()
})

t.test(
  'a node is drained after a look at what it takes, and had back; a drain that would not fit is refused',
  async (t) => {
    const { cluster, url } = await clusterIn(t)
    const page = await openPage(t, browser, `${url}/#nodes`)
    const drain = page.getByRole('button', { name: 'Drain 10.20.0.13' })
    const dialog = page.getByRole('dialog')
    await drain.click()
    await dialog.getByText('The others have to copy 14 images (71.0 GiB)').waitFor()
    t.strictSame(await violations(page), [], 'the question')
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    t.equal(await page.getByText('Draining:').count(), 0)
    await drain.click()
    await dialog.getByRole('button', { name: 'Drain', exact: true }).click()
    await page.getByText('Draining: 9 images (40.0 GiB) left, some 12 min to go.').waitFor()
    t.match(await page.locator('.bar-verdict').textContent(), 'HEALTHY', 'it is wanted')
    await page.getByRole('button', { name: 'Undrain 10.20.0.13' }).click()
    await drain.waitFor()
    cluster.state = 'full'
    await drain.click()
    await dialog.getByText('Refused: node 10.20.0.12').waitFor()
    t.ok(await dialog.getByRole('button', { name: 'Drain', exact: true }).isDisabled())
  },
)

t.test('all of it works by keyboard', async (t) => {
  const { url } = await clusterIn(t, 'corrupt')
  const page = await openPage(t, browser, url)
  await page.getByRole('heading', { level: 1 }).waitFor()
  const focused = () => page.evaluate<string>('document.activeElement.textContent.trim()')
  await page.keyboard.press('Tab')
  t.equal(await focused(), 'Skip to the content')
  await page.keyboard.press('Enter')
  t.equal(await page.evaluate<string>('document.activeElement.id'), 'main')
  await page.locator('nav a', { hasText: 'Nodes' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Nodes' }).waitFor()
  t.equal(await focused(), 'Nodes', 'the heading of the new view has the focus')
  await show(page, 'overview')
  await page.getByRole('button', { name: 'Mute UNDER_REPLICATED' }).press('Enter')
  await page.getByRole('dialog').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  t.match(await page.locator('.bar-verdict').textContent(), 'DEGRADED', 'nothing was muted')
})

t.test('colours are as the system has them, or as one chose, also later', async (t) => {
  const { url } = await clusterIn(t)
  const page = await openPage(t, browser, url, { colorScheme: 'light' })
  const scheme = () => page.evaluate<string>('getComputedStyle(document.documentElement).colorScheme')
  const choose = (theme: string) => page.locator('.themes').getByText(theme, { exact: true }).click()
  await show(page, 'overview')
  t.equal(await scheme(), 'light')
  await choose('dark')
  t.equal(await scheme(), 'dark')
  await page.reload()
  await show(page, 'overview')
  t.equal(await scheme(), 'dark')
  await choose('auto')
  t.equal(await scheme(), 'light')
  await page.emulateMedia({ colorScheme: 'dark' })
  t.equal(await scheme(), 'dark')
  await choose('light')
  t.equal(await scheme(), 'light')
})

t.test('when the node is gone, nothing old passes for the truth', async (t) => {
  const { url } = await clusterIn(t)
  const page = await openPage(t, browser, url, { mayComplain: /ERR_INTERNET_DISCONNECTED/ })
  await page.clock.install()
  await page.reload()
  await page.locator('.bar-verdict').getByText('HEALTHY').waitFor()
  await page.context().setOffline(true)
  await page.clock.fastForward(15_000)
  await page.locator('.bar-verdict').getByText('UNKNOWN').waitFor()
  await page.getByText('Nobody knows at the moment.').waitFor()
  await takePicture(page, 'overview-gone-light')
  await page.context().setOffline(false)
  await page.clock.fastForward(5_000)
  await page.locator('.bar-verdict').getByText('HEALTHY').waitFor()
})

t.test('where a token is asked for, nothing is shown without it', async (t) => {
  const cluster = new FixtureCluster()
  const token = 'a-token-of-some-length'
  const url = await serve(t, { ...cluster.components, access: accessFor({ isOpen: false, token }) })
  const page = await openPage(t, browser, url, { mayComplain: /401/ })
  await page.getByLabel('Token', { exact: true }).fill('a-guess')
  await page.getByRole('button', { name: 'Show the cluster' }).click()
  await page.getByText('The node does not take this token.').waitFor()
  t.strictSame(await violations(page), [], 'the form')
  await page.getByLabel('Token', { exact: true }).fill(token)
  await page.getByRole('button', { name: 'Show the cluster' }).click()
  await page.locator('.bar-verdict').getByText('HEALTHY').waitFor()
})
