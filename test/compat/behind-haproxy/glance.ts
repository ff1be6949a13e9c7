/** `glance` through HAProxy: what owners do with an image, and what of it readers of the project and strangers may. */
import { join } from 'node:path'
import t from 'tap'
import { fileFacts, ISO } from '../bootable-image.ts'
import { propertyTable, tableRows } from '../client-table.ts'
import type { RoamingClient } from '../roaming-client.ts'
import { castFor, outsiders, ownersOf, type Scene } from './scene.ts'

/** What glance says of the status of an answer. */
const FORBIDDEN = /HTTP 403|You are not permitted/
const NOT_FOUND = /HTTP 404|No image with an ID/

const show = async (user: RoamingClient, id: string) => propertyTable(await user.run(['image-show', id]))

async function listed(user: RoamingClient, ...args: string[]): Promise<string[]> {
  return tableRows(await user.run(['image-list', ...args])).map(([id = '']) => id)
}

const update = (user: RoamingClient, id: string, ...args: string[]) =>
  user.run(['image-update', ...args, id]).then(propertyTable)

async function isWhole({ t, id }: Scene, user: RoamingClient): Promise<void> {
  const file = join(t.testdir(), 'downloaded')
  await user.run(['image-download', '--file', file, id])
  t.strictSame(await fileFacts(file), await fileFacts(ISO))
}

for (const name of ownersOf('demo'))
  t.test(`glance: an image of ${name}`, async (t) => {
    const cast = await castFor(t, 'glance', name)
    const { owner, reader, stranger } = cast
    const form = ['--container-format', 'bare', '--disk-format', 'iso']
    const args = ['image-create', '--name', name, '--visibility', 'private', ...form]
    const made = propertyTable(await owner.run(args))
    const id = made['id']!
    const scene = { ...cast, id }
    t.match(made, { name, status: 'queued', visibility: 'private' })
    await uploaded(scene)
    await denied(scene)
    await tagged(scene)
    await hidden(scene)
    await protectedOnce(scene)
    await deactivated(scene)
    await shared(scene)
    await published(scene)
    await owner.run(['image-delete', id])
    for (const user of [owner, reader, stranger]) t.match(await user.refusal('image-show', id), NOT_FOUND)
    t.strictSame(await listed(owner), [])
  })

async function uploaded(scene: Scene): Promise<void> {
  const { t, owner, id } = scene
  await owner.run(['image-upload', id], ISO)
  const { size, sha512 } = await fileFacts(ISO)
  t.match(await show(owner, id), { status: 'active', size: String(size), os_hash_value: sha512 })
  await isWhole(scene, owner)
  t.match(await owner.refusal('image-upload', '--file', ISO, id), /HTTP 409/)
}

/** As Glance has it, a reader sees the record only; one of another project is a stranger. */
async function denied(scene: Scene): Promise<void> {
  const { t, reader, id } = scene
  t.match(await reader.refusal('image-create', '--name', 'of-reader'), FORBIDDEN)
  for (const { user, canSee } of outsiders(scene)) {
    const says = canSee ? FORBIDDEN : NOT_FOUND
    t.strictSame(await listed(user), canSee ? [id] : [])
    if (canSee) t.match(await show(user, id), { id })
    else t.match(await user.refusal('image-show', id), says)
    t.match(await user.refusal('image-download', '--file', '/dev/null', id), says)
    t.match(await user.refusal('image-update', '--name', 'mine', id), says)
    t.match(await user.refusal('image-tag-update', id, 'mine'), says)
    t.match(await user.refusal('image-deactivate', id), says)
    t.match(await user.refusal('image-delete', id), says)
  }
}

async function tagged({ t, owner, id }: Scene): Promise<void> {
  await owner.run(['image-tag-update', id, 'boot'])
  t.match(await update(owner, id, '--property', 'os_distro=grub'), { os_distro: 'grub', tags: '["boot"]' })
  t.strictSame(await listed(owner, '--tag', 'boot'), [id])
  t.strictSame(await listed(owner, '--property-filter', 'os_distro=grub'), [id])
  t.strictSame(await listed(owner, '--property-filter', 'os_distro=other'), [])
  await owner.run(['image-tag-delete', id, 'boot'])
  t.strictSame(await listed(owner, '--tag', 'boot'), [])
}

async function hidden({ t, owner, id }: Scene): Promise<void> {
  t.match(await update(owner, id, '--hidden', 'True'), { os_hidden: 'True' })
  t.strictSame(await listed(owner), [])
  t.strictSame(await listed(owner, '--hidden', 'True'), [id])
  t.match(await update(owner, id, '--hidden', 'False'), { os_hidden: 'False' })
}

async function protectedOnce({ t, owner, id }: Scene): Promise<void> {
  t.match(await update(owner, id, '--protected', 'True'), { protected: 'True' })
  t.match(await owner.refusal('image-delete', id), FORBIDDEN)
  t.match(await update(owner, id, '--protected', 'False'), { protected: 'False' })
}

async function deactivated(scene: Scene): Promise<void> {
  const { t, owner, isAdmin, id } = scene
  await owner.run(['image-deactivate', id])
  t.match(await show(owner, id), { status: 'deactivated' })
  if (isAdmin) await isWhole(scene, owner)
  else t.match(await owner.refusal('image-download', '--file', '/dev/null', id), FORBIDDEN)
  await owner.run(['image-reactivate', id])
  t.match(await show(owner, id), { status: 'active' })
}

async function shared(scene: Scene): Promise<void> {
  const { t, owner, isAdmin, stranger, strangersProject, id } = scene
  t.match(await update(owner, id, '--visibility', 'shared'), { visibility: 'shared' })
  t.match(await stranger.refusal('image-show', id), NOT_FOUND)
  await owner.run(['member-create', id, strangersProject])
  t.match(await show(stranger, id), { id })
  t.strictSame(await listed(stranger), [])
  t.strictSame(await listed(stranger, '--visibility', 'shared', '--member-status', 'pending'), [id])
  if (!isAdmin) t.match(await owner.refusal('member-update', id, strangersProject, 'accepted'), FORBIDDEN)
  await stranger.run(['member-update', id, strangersProject, 'accepted'])
  const members = tableRows(await owner.run(['member-list', '--image-id', id]))
  t.strictSame(members, [[id, strangersProject, 'accepted']])
  t.strictSame(await listed(stranger), [id])
  await isWhole(scene, stranger)
  t.match(await stranger.refusal('image-update', '--name', 'mine', id), FORBIDDEN)
  t.match(await stranger.refusal('image-delete', id), FORBIDDEN)
  await owner.run(['member-delete', id, strangersProject])
  t.match(await stranger.refusal('image-show', id), NOT_FOUND)
}

async function published({ t, owner, isAdmin, reader, stranger, id }: Scene): Promise<void> {
  t.match(await update(owner, id, '--visibility', 'community'), { visibility: 'community' })
  t.match(await show(stranger, id), { visibility: 'community' })
  t.strictSame(await listed(stranger), [])
  t.strictSame(await listed(stranger, '--visibility', 'community'), [id])
  if (!isAdmin) {
    t.match(await owner.refusal('image-update', '--visibility', 'public', id), FORBIDDEN)
    return
  }
  t.match(await update(owner, id, '--visibility', 'public'), { visibility: 'public' })
  for (const user of [reader, stranger]) t.strictSame(await listed(user), [id])
  t.match(await stranger.refusal('image-delete', id), FORBIDDEN)
}
