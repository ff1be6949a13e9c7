/** `openstack image` through HAProxy: what owners do with an image, and what of it readers of the project and strangers may. */
import { join } from 'node:path'
import t from 'tap'
import { fileFacts, ISO } from '../bootable-image.ts'
import type { RoamingClient } from '../roaming-client.ts'
import { castFor, outsiders, ownersOf, type Scene } from './scene.ts'

/** What the client says of the status of an answer. */
const FORBIDDEN = /\b403\b/
/** It looks an image up first. */
const NOT_FOUND = /No Image found|\b404\b/
/** All that it says when there is nothing to save. */
const NOT_SAVED = /InvalidResponse|NoneType/

async function json(user: RoamingClient, ...args: string[]): Promise<unknown> {
  return JSON.parse(await user.run(['image', ...args, '-f', 'json']))
}

const show = (user: RoamingClient, id: string) => json(user, 'show', id)

async function listed(user: RoamingClient, ...args: string[]): Promise<string[]> {
  return ((await json(user, 'list', ...args)) as { ID: string }[]).map(({ ID }) => ID)
}

const set = (user: RoamingClient, id: string, ...args: string[]) => user.run(['image', 'set', ...args, id])

async function isWhole({ t, id }: Scene, user: RoamingClient): Promise<void> {
  const file = join(t.testdir(), 'saved')
  await user.run(['image', 'save', '--file', file, id])
  t.strictSame(await fileFacts(file), await fileFacts(ISO))
}

for (const name of ownersOf('admin'))
  t.test(`openstack image: an image of ${name}`, async (t) => {
    const cast = await castFor(t, 'openstack', name)
    const { owner, reader, stranger } = cast
    const form = ['--private', '--disk-format', 'iso', '--file', ISO, '--property', 'os_distro=grub']
    const { id } = (await json(owner, 'create', ...form, name)) as { id: string }
    const scene = { ...cast, id }
    const { size, sha512 } = await fileFacts(ISO)
    const properties = { os_distro: 'grub', os_hash_value: sha512 }
    t.match(await show(owner, name), { id, status: 'active', size, visibility: 'private', properties })
    await isWhole(scene, owner)
    await denied(scene)
    await tagged(scene)
    await hidden(scene)
    await protectedOnce(scene)
    await deactivated(scene)
    await shared(scene)
    await published(scene)
    await owner.run(['image', 'delete', name])
    for (const user of [owner, reader, stranger]) t.match(await user.refusal('image', 'show', id), NOT_FOUND)
    t.strictSame(await listed(owner), [])
  })

/** As Glance has it, a reader sees the record only; one of another project is a stranger. */
async function denied(scene: Scene): Promise<void> {
  const { t, owner, reader, id } = scene
  t.match(await reader.refusal('image', 'create', 'of-reader'), FORBIDDEN)
  for (const { user, canSee } of outsiders(scene)) {
    const says = canSee ? FORBIDDEN : NOT_FOUND
    t.strictSame(await listed(user), canSee ? [id] : [])
    if (canSee) t.match(await show(user, id), { id })
    else t.match(await user.refusal('image', 'show', id), says)
    t.match(await user.refusal('image', 'save', '--file', '/dev/null', id), NOT_SAVED)
    t.match(await user.refusal('image', 'set', '--name', 'mine', id), says)
    t.match(await user.refusal('image', 'set', '--tag', 'mine', id), says)
    // Of a refused deactivation it says nothing at all.
    await (canSee ? set(user, id, '--deactivate') : user.refusal('image', 'set', '--deactivate', id))
    t.match(await user.refusal('image', 'delete', id), says)
  }
  t.match(await show(owner, id), { status: 'active', tags: [] })
}

async function tagged({ t, owner, id }: Scene): Promise<void> {
  await set(owner, id, '--tag', 'boot', '--tag', 'spare')
  t.match(await show(owner, id), { tags: ['boot', 'spare'] })
  t.strictSame(await listed(owner, '--tag', 'boot'), [id])
  t.strictSame(await listed(owner, '--property', 'os_distro=grub'), [id])
  t.strictSame(await listed(owner, '--status', 'queued'), [])
  await owner.run(['image', 'unset', '--tag', 'boot', id])
  t.strictSame(await listed(owner, '--tag', 'boot'), [])
}

async function hidden({ t, owner, id }: Scene): Promise<void> {
  await set(owner, id, '--hidden')
  t.strictSame(await listed(owner), [])
  t.strictSame(await listed(owner, '--hidden'), [id])
  await set(owner, id, '--unhidden')
  t.strictSame(await listed(owner), [id])
}

async function protectedOnce({ t, owner, id }: Scene): Promise<void> {
  await set(owner, id, '--protected')
  t.match(await owner.refusal('image', 'delete', id), FORBIDDEN)
  await set(owner, id, '--unprotected')
  t.match(await show(owner, id), { protected: false })
}

async function deactivated(scene: Scene): Promise<void> {
  const { t, owner, isAdmin, id } = scene
  await set(owner, id, '--deactivate')
  t.match(await show(owner, id), { status: 'deactivated' })
  if (isAdmin) await isWhole(scene, owner)
  else t.match(await owner.refusal('image', 'save', '--file', '/dev/null', id), NOT_SAVED)
  await set(owner, id, '--activate')
  t.match(await show(owner, id), { status: 'active' })
}

async function shared(scene: Scene): Promise<void> {
  const { t, owner, stranger, strangersProject, id } = scene
  await set(owner, id, '--shared')
  t.match(await stranger.refusal('image', 'show', id), NOT_FOUND)
  await owner.run(['image', 'add', 'project', id, strangersProject])
  t.match(await show(stranger, id), { id, visibility: 'shared' })
  t.strictSame(await listed(stranger), [])
  t.strictSame(await listed(stranger, '--shared', '--member-status', 'pending'), [id])
  await set(stranger, id, '--accept')
  const members = await json(owner, 'member', 'list', id)
  t.match(members, [{ 'Image ID': id, 'Member ID': strangersProject, Status: 'accepted' }])
  t.strictSame(await listed(stranger), [id])
  await isWhole(scene, stranger)
  t.match(await stranger.refusal('image', 'set', '--name', 'mine', id), FORBIDDEN)
  t.match(await stranger.refusal('image', 'delete', id), FORBIDDEN)
  await owner.run(['image', 'remove', 'project', id, strangersProject])
  t.match(await stranger.refusal('image', 'show', id), NOT_FOUND)
}

async function published({ t, owner, isAdmin, reader, stranger, id }: Scene): Promise<void> {
  await set(owner, id, '--community')
  t.match(await show(stranger, id), { visibility: 'community' })
  t.strictSame(await listed(stranger), [])
  t.strictSame(await listed(stranger, '--community'), [id])
  if (!isAdmin) {
    t.match(await owner.refusal('image', 'set', '--public', id), FORBIDDEN)
    return
  }
  await set(owner, id, '--public')
  for (const user of [reader, stranger]) t.strictSame(await listed(user), [id])
  t.match(await stranger.refusal('image', 'delete', id), FORBIDDEN)
}
