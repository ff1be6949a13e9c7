/** Custom properties that are not for everybody: what by-role.conf, and by-policy.conf in the same way, say of them. */
import { cases, create, get, patch, PATCH_20, remove, show, type Step, type Who } from '../case.ts'
import { GALLERY_SCOPE } from '../gallery.ts'

export const PROTECTED = [
  'prot_secret',
  'prot_shown',
  'prot_once',
  'prot_mine_a',
  'prot_service',
  'prot_closed',
  'prot_unnamed',
] as const
const WHO: readonly Who[] = ['owner', 'reader', 'admin', 'other']

/** An image with all of them that anybody may give it. */
const whole: readonly Step[] = [
  create({ name: 'x', plain: 'p', prot_once: 'o', prot_mine_a: 'm', visibility: 'community' }),
  patch(
    [
      { op: 'add', path: '/prot_secret', value: 's' },
      { op: 'add', path: '/prot_shown', value: 'w' },
    ],
    { as: 'admin' },
  ),
]

function tried(name: string, as: Who): Step[] {
  const path = `/${name}`
  return [
    patch([{ op: 'add', path, value: 'new' }], { as }),
    patch([{ op: 'replace', path, value: 'newer' }], { as }),
    patch([{ op: 'remove', path }], { as }),
    show({ as: 'admin' }),
  ]
}

function entries(scripts: [string, Step[]][]): Record<string, Step[]> {
  return Object.fromEntries(scripts)
}

const creations = entries(
  PROTECTED.flatMap((name) =>
    (['owner', 'admin'] as const).map((as): [string, Step[]] => [
      `${name} on creation, by ${as}`,
      [create({ [name]: 'x', plain: 'p' }, { as }), show({ as: 'admin' })],
    ]),
  ),
)

const changes = entries(
  PROTECTED.flatMap((name) =>
    (['owner', 'admin'] as const).map((as): [string, Step[]] => [
      `${name} in a patch, by ${as}`,
      [...whole, ...tried(name, as)],
    ]),
  ),
)

const views = entries(
  ([...WHO, 'service'] as const).map((as): [string, Step[]] => [`shown to ${as}`, [...whole, show({ as })]]),
)

export const byRole = cases('protections', {
  ...creations,
  ...changes,
  ...views,
  'in a patch, by who may change nothing': [
    ...whole,
    ...tried('prot_shown', 'reader'),
    ...tried('prot_shown', 'other'),
  ],
  'nothing of a patch when one is refused': [
    ...whole,
    patch([
      { op: 'replace', path: '/name', value: 'changed' },
      { op: 'add', path: '/prot_secret', value: 'x' },
    ]),
    show({ as: 'admin' }),
  ],
  'by the older dialect': [
    ...whole,
    patch([{ add: '/prot_shown', value: 'x' }], {}, PATCH_20),
    patch([{ replace: '/prot_mine_a', value: 'x' }], {}, PATCH_20),
    patch([{ remove: '/prot_mine_a' }], {}, PATCH_20),
    show({ as: 'admin' }),
  ],
  'an image with such properties is deleted by its owner': [...whole, remove(), show()],
})

export const byPolicy = cases('protections by policy', { ...changes, ...views })

/** Over the gallery, of which some images have them. */
export const protectedLists = cases(
  'protected list',
  Object.fromEntries(
    WHO.flatMap((as) =>
      ['prot_secret=s', 'prot_shown=w', 'visibility=community'].map((query): [string, Step[]] => [
        `${query} by ${as}`,
        [get(`/v2/images?${query}&tag=gallery&limit=80`, { as, walk: true })],
      ]),
    ),
  ),
  GALLERY_SCOPE,
)
