/** A thousand generated images of three projects, for lists. The same seed makes the same images. */
import fc from 'fast-check'
import { create, json, OCTETS, request, type Step } from './case.ts'

export const SEED = 20_261_128
/** Whose projects own it. */
export const GALLERY_SCOPE = 'gallery'
const IMAGES = 1000
/** Every image has it: the administrator sees the images of all cases. */
export const GALLERY_TAG = 'gallery'
/** Bytes. */
const SIZES = [3, 100, 50, 200]

export interface GalleryImage {
  id: string
  owner: string
  visibility: string
  tags: string[]
  os_distro?: string | undefined
  hw_disk_bus?: string | undefined
  [field: string]: unknown
}

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })

const DRAFT = fc.record({
  name: fc.constantFrom('alpha', 'beta', 'Beta', 'gamma', 'with,comma', 'a:b', 'a"b', 'ä', 'in:alpha', null),
  owner: fc.constantFrom('{owner}', '{owner}', '{other}', '{third}'),
  visibility: fc.constantFrom('private', 'shared', 'shared', 'community', 'public'),
  disk_format: fc.constantFrom('raw', 'qcow2', 'iso', 'vmdk'),
  container_format: fc.constantFrom('bare', 'ovf', 'docker'),
  min_ram: fc.constantFrom(0, 512, 1024),
  min_disk: fc.constantFrom(0, 1, 2, 3),
  protected: fc.constantFrom(false, false, true),
  os_hidden: fc.constantFrom(false, false, false, true),
  tags: fc.subarray(['red', 'blue', 'RED', 'a b']).map((tags) => [...tags, GALLERY_TAG]),
  os_distro: optional(fc.constantFrom('debian', 'fedora', 'Debian', '')),
  hw_disk_bus: optional(fc.constantFrom('scsi', 'virtio')),
  prot_secret: optional(fc.constantFrom('s', 't')),
  prot_shown: optional(fc.constantFrom('w', 'x')),
})

/** Ids rise in the order of creation, so that it does not matter which images fall into one second. */
export const GALLERY: readonly GalleryImage[] = fc
  .sample(DRAFT, { seed: SEED, numRuns: IMAGES })
  .map((draft, index) => ({
    id: `60000000-0000-4000-8000-${index.toString(16).padStart(12, '0')}`,
    ...draft,
  }))

/** Makes the images. Glance would take half a minute. */
export const GALLERY_CREATION: readonly Step[] = GALLERY.map((image) =>
  create(image, { as: 'admin', keep: {} }),
)

/** What else it takes: data for some, and members, who have answered or not. */
export function galleryContents(): Step[] {
  const isPlain = ({ disk_format, container_format }: GalleryImage) =>
    disk_format === 'raw' && container_format === 'bare'
  const filled = GALLERY.filter(isPlain).map(({ id }, index) => {
    const body = Buffer.alloc(SIZES[index % SIZES.length]!, 'abc')
    return request('PUT', `/v2/images/${id}/file`, { as: 'admin', headers: { 'content-type': OCTETS }, body })
  })
  return [...filled, ...shared()]
}

/** Some of the owner's are the other's as well, who has answered some of them. */
function shared(): Step[] {
  const own = GALLERY.filter(({ owner, visibility }) => owner === '{owner}' && visibility === 'shared')
  return own.slice(0, 9).flatMap(({ id }, index) => {
    const path = `/v2/images/${id}/members`
    const added = request('POST', path, json({ member: '{other}' }))
    const status = ['accepted', 'rejected', null][index % 3]
    if (status === null) return [added]
    return [added, request('PUT', `${path}/{other}`, { ...json({ status }), as: 'other' })]
  })
}
