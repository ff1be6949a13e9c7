/** Images in a real Glance as operators have them: of all kinds of owner, sharing, state and age. */
import { createHash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { join } from 'node:path'
import { ImageClient } from '../../helpers/image-client.ts'
import { patternImage } from '../../helpers/pattern-image.ts'
import { runCommand } from '../../helpers/run-command.ts'
import type { RealGlance } from '../real-glance.ts'

/** Outside of Glance, and never asked. */
export const OUTSIDE_URL = 'http://127.0.0.1:9/elsewhere'
const VISIBILITIES = ['shared', 'private', 'public', 'community']
/** What is hard to quote, in dumps as in JSON. */
const NASTY = `'"\\ \\n\n\t ); -- ü € %s NULL`

/** What these images are beside what they all are. */
const KINDS: Record<string, Record<string, unknown>> = {
  plain: {},
  protected: { protected: true },
  hidden: { os_hidden: true, visibility: 'community' },
  nasty: { name: NASTY, hw_note: NASTY, tags: ['it\'s "so"', 'x,y'], owner: "p \\ '" },
  tall: { min_disk: 7, min_ram: 512, disk_format: 'iso', os_distro: 'debian' },
  members: { visibility: 'shared' },
}

/** Changes the database of a Glance. */
export type Execute = (statements: readonly string[]) => Promise<void>

export interface Gallery {
  /** By what is special about them. */
  ids: Map<string, string>
  /** All that are to be moved. */
  all: string[]
}

/** `count` images of `sizeBytes` each, and some that are special, made by `client`, an administrator. */
export async function fillGlance(
  glance: RealGlance,
  count: number,
  sizeBytes: number,
  client = new ImageClient(glance.url),
  execute: Execute = (statements) => sql(glance, statements),
): Promise<Gallery> {
  const ids = new Map<string, string>()
  for (const [kind, fields] of Object.entries(KINDS))
    ids.set(kind, await client.newImage({ owner: 'p1', ...fields }))
  for (const kind of ['deactivated', 'sha256', 'no-hash', 'with-location', 'queued', 'killed', 'deleted'])
    ids.set(kind, await client.newImage({ name: kind, owner: 'p2', visibility: 'public' }))
  for (let index = 0; index < count; index++) {
    const fields = {
      owner: `p${index % 3}`,
      visibility: VISIBILITIES[index % 4],
      tags: [`t${index % 5}`],
      hw_n: `${index}`,
    }
    ids.set(`bulk-${index}`, await client.newImage({ name: `bulk ${index}`, ...fields }))
  }
  let seed = 0
  for (const [kind, id] of ids) {
    if (kind === 'queued' || kind === 'killed') continue
    const reply = await client.put(id, patternImage(sizeBytes + seed, ++seed))
    if (reply.status !== 204) throw new Error(`an upload to Glance answered ${reply.status}`)
  }
  await share(client, ids.get('members')!)
  await must(client, 'POST', `/v2/images/${ids.get('deactivated')!}/actions/deactivate`)
  await must(client, 'DELETE', `/v2/images/${ids.get('deleted')!}`)
  await age(ids, client, execute)
  const all = [...ids].filter(([kind]) => kind !== 'deleted' && kind !== 'killed').map(([, id]) => id)
  return { ids, all }
}

/** With projects that have answered in all ways. */
export async function share(client: ImageClient, id: string): Promise<void> {
  for (const [member, status] of [
    ['m1', 'accepted'],
    ['m2', 'rejected'],
    ['m3', 'pending'],
  ]) {
    await must(client, 'POST', `/v2/images/${id}/members`, { member })
    if (status !== 'pending') await must(client, 'PUT', `/v2/images/${id}/members/${member}`, { status })
  }
}

/** Throws when it is refused. */
export async function must(client: ImageClient, method: string, path: string, json?: object): Promise<void> {
  const headers = { 'content-type': 'application/json' }
  const reply = await client.send(
    method,
    path,
    json ? { headers, body: Buffer.from(JSON.stringify(json)) } : {},
  )
  if (reply.status >= 300) throw new Error(`${method} ${path} answered ${reply.status}`)
}

/** What the API would not do: releases that hashed otherwise or not at all, old times, failures. */
async function age(ids: ReadonlyMap<string, string>, client: ImageClient, execute: Execute): Promise<void> {
  const data = await client.data(ids.get('sha256')!)
  const sha256 = createHash('sha256').update(data.body).digest('hex')
  const of = (kind: string) => `where id = '${ids.get(kind)!}'`
  await execute([
    `update images set os_hash_algo = 'sha256', os_hash_value = '${sha256}' ${of('sha256')}`,
    `update images set os_hash_algo = null, os_hash_value = null ${of('no-hash')}`,
    `update images set created_at = '2019-02-03 04:05:06.000000', updated_at = '2020-02-03 04:05:06.000000' ${of('plain')}`,
    `update images set status = 'killed' ${of('killed')}`,
    `insert into image_locations (image_id, value, meta_data, status, created_at, updated_at, deleted) ` +
      `values ('${ids.get('with-location')!}', '${OUTSIDE_URL}', '{"k": "v"}', 'active', '2020-01-01 00:00:00.000000', '2020-01-01 00:00:00.000000', 0)`,
    `insert into image_properties (image_id, name, value, created_at, updated_at, deleted) ` +
      `values ('${ids.get('plain')!}', 'os_glance_failed_import', '', '2020-01-01 00:00:00.000000', '2020-01-01 00:00:00.000000', 0)`,
  ])
}

async function sql(glance: RealGlance, statements: readonly string[]): Promise<void> {
  const script = `import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60)
for statement in sys.argv[2:]: database.execute(statement)
database.commit()
database.close()`
  const { exitCode, stderr } = await runCommand('/usr/bin/python3', [
    '-c',
    script,
    databaseOf(glance),
    ...statements,
  ])
  if (exitCode !== 0) throw new Error(stderr)
}

export function databaseOf({ directory }: RealGlance): string {
  return join(directory, 'glance.sqlite')
}

/** A copy as `sqlite3 .backup` makes it, while Glance runs. */
export async function backUp(glance: RealGlance, path: string): Promise<void> {
  const script = `import sqlite3, sys
copy = sqlite3.connect(sys.argv[2])
sqlite3.connect(sys.argv[1]).backup(copy)
copy.execute('pragma journal_mode=delete')`
  const { exitCode, stderr } = await runCommand('/usr/bin/python3', ['-c', script, databaseOf(glance), path])
  if (exitCode !== 0) throw new Error(stderr)
}

/** What Serac must say of an image that Glance showed like this: a hash that it lacks is filled in. */
export function asMoved(there: Record<string, unknown>): Record<string, unknown> {
  // Glance shows what it keeps of an import that failed.
  const { os_glance_failed_import: _, ...wanted } = there
  if (there['os_hash_value'] !== null || there['bytes'] === null) return wanted
  return { ...wanted, os_hash_algo: 'sha512', os_hash_value: there['bytes'] }
}

/** What both services say of an image alike, with its members and the digest of its bytes. */
export async function shownBy(client: ImageClient, id: string): Promise<Record<string, unknown>> {
  const shown = (await client.show(id)) as unknown as Record<string, unknown>
  const {
    self: _,
    file: __,
    schema: ___,
    stores: ____,
    direct_url: _____,
    locations: ______,
    ...said
  } = shown
  const isShared = shown['visibility'] === 'shared'
  const members: unknown = isShared
    ? JSON.parse((await client.send('GET', `/v2/images/${id}/members`)).body.toString())
    : null
  const bytes = shown['status'] === 'queued' ? null : await digestOf(client, id)
  // Glance gives them in any order.
  const tags = [...(shown['tags'] as string[])].sort()
  return { ...said, tags, members, bytes }
}

async function digestOf(client: ImageClient, id: string): Promise<string> {
  const answer = await client.open('GET', `/v2/images/${id}/file`)
  if (answer.statusCode !== 200) return `${answer.statusCode} ${(await buffer(answer)).toString()}`
  const hash = createHash('sha512')
  for await (const piece of answer) hash.update(piece as Buffer)
  return hash.digest('hex')
}
