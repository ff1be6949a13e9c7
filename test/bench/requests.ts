/** The requests that benchmarks send. */
import { randomUUID } from 'node:crypto'
import { requestBytes } from './http-connection.ts'
import { projectId } from './seeded-image.ts'

export const ADMIN = { 'x-identity-status': 'Confirmed', 'x-project-id': 'operators', 'x-roles': 'admin' }
export const MEMBER = {
  'x-identity-status': 'Confirmed',
  'x-project-id': projectId(7),
  'x-roles': 'member,reader',
}

const JSON_TYPE = { 'content-type': 'application/json' }
const PATCH_TYPE = { 'content-type': 'application/openstack-images-v2.1-json-patch' }

export function showRequest(id: string): Buffer {
  return requestBytes('GET', `/v2/images/${id}`, ADMIN)
}

/** A new image each time. */
export function createRequest(): Buffer {
  const body = {
    name: `bench-${randomUUID()}`,
    disk_format: 'qcow2',
    container_format: 'bare',
    os_distro: 'debian',
    hw_disk_bus: 'virtio',
    tags: ['bench'],
  }
  return requestBytes('POST', '/v2/images', { ...ADMIN, ...JSON_TYPE }, JSON.stringify(body))
}

/** Mostly another value than the image has. */
export function patchRequest(id: string): Buffer {
  const change = [{ op: 'add', path: '/os_version', value: String(Math.floor(Math.random() * 1000)) }]
  return requestBytes('PATCH', `/v2/images/${id}`, { ...ADMIN, ...PATCH_TYPE }, JSON.stringify(change))
}
