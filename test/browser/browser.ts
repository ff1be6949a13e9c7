/** Debian's chromium, one for all tests of a file; every page that is opened must leave its console clean. */
import { existsSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { chromium, type Browser, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { loadPage } from '../../api/status/status-page.ts'
import { buildOperatorServer, type OperatorComponents } from '../../api/status/status-routes.ts'
import { operatorComponents } from '../helpers/operator-components.ts'

const EXECUTABLES = ['/usr/bin/chromium', '/usr/bin/chromium-browser']
const VIEWPORT = { width: 1440, height: 900 }

/** Set to a directory, tests leave pictures of what they saw there. */
export const PICTURES = process.env['SERAC_PICTURES'] ?? null

export async function launch(t: Test): Promise<Browser> {
  const executablePath = EXECUTABLES.find((path) => existsSync(path))
  if (executablePath === undefined) throw new Error('there is no chromium: test/browser/install installs it')
  // As root, in containers, there is no user namespace for its sandbox. It is shown our own page only.
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
  })
  t.teardown(() => browser.close())
  return browser
}

export interface PageOptions {
  colorScheme?: 'light' | 'dark'
  width?: number
  /** What may be said in the console: the browser itself notes each answer that is an error. */
  mayComplain?: RegExp
}

export async function openPage(
  t: Test,
  browser: Browser,
  url: string,
  options: PageOptions = {},
): Promise<Page> {
  const { colorScheme = 'light', width = VIEWPORT.width, mayComplain } = options
  const context = await browser.newContext({
    viewport: { ...VIEWPORT, width },
    colorScheme,
    locale: 'en-GB',
    reducedMotion: 'reduce',
  })
  t.teardown(() => context.close())
  const page = await context.newPage()
  const complain = (text: string) => {
    if (!mayComplain?.test(text)) t.fail('the console is clean', { text })
  }
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complain(message.text())
  })
  page.on('pageerror', (error) => complain(String(error)))
  await page.goto(url)
  return page
}

/** The operator's server with the built page, on a free port. Answers its URL. */
export async function serve(t: Test, given: Partial<OperatorComponents>): Promise<string> {
  const page = await loadPage()
  t.ok(page.size > 0, 'the page was built')
  const app = buildOperatorServer(operatorComponents({ page, ...given }), {
    disableFile: '/nonexistent/disable',
    clientPauseMs: 1000,
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

export async function takePicture(page: Page, name: string): Promise<void> {
  if (PICTURES !== null) await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true })
}
