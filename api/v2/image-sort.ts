/** The order of a list: `sort=key:dir,...`, or the older `sort_key` and `sort_dir`. */
import { ImageError } from '../../node/errors.ts'
import type { ImageQuery, SortKey } from '../../node/images/image-requests.ts'
import { parseChoice } from './filter-values.ts'

type Sort = ImageQuery['sort']

const SORT_KEYS: ReadonlyMap<string, SortKey> = new Map<string, SortKey>([
  ['name', 'name'],
  ['status', 'status'],
  ['container_format', 'containerFormat'],
  ['disk_format', 'diskFormat'],
  ['size', 'size'],
  ['id', 'id'],
  ['created_at', 'createdAt'],
  ['updated_at', 'updatedAt'],
])
const SORT_DIRECTIONS = ['asc', 'desc'] as const
const DEFAULT_KEY = 'created_at'
const DEFAULT_DIRECTION = 'desc' as const

/** Throws INVALID for unknown keys and directions, and for mixed or unequal parameters. */
export function parseSort(query: URLSearchParams): Sort {
  const sort = query.getAll('sort').at(-1)
  const keys = query.getAll('sort_key')
  const directions = query.getAll('sort_dir')
  if (sort === undefined) return fromKeysAndDirections(keys, directions)
  if (keys.length + directions.length === 0) return newestFirst(sort.split(',').map(fromPair))
  throw new ImageError('INVALID', "The parameter 'sort' does not go together with 'sort_key' and 'sort_dir'.")
}

function fromPair(pair: string): Sort[number] {
  const [key = '', direction = ''] = pair.split(/:(.*)/s).map((part) => part.trim())
  return {
    key: sortKey(key),
    direction: parseChoice('sort', SORT_DIRECTIONS, direction || DEFAULT_DIRECTION),
  }
}

/** One direction serves all keys; else each key has its own. */
function fromKeysAndDirections(keys: string[], directions: string[]): Sort {
  const sortKeys = keys.length === 0 ? [DEFAULT_KEY] : keys
  const sortDirections = directions.length === 0 ? [DEFAULT_DIRECTION] : directions
  if (sortDirections.length > 1 && sortDirections.length !== sortKeys.length) {
    throw new ImageError('INVALID', "Give one 'sort_dir' for all keys, or one for each 'sort_key'.")
  }
  const sort = sortKeys.map((key, index) => ({
    key: sortKey(key),
    direction: parseChoice('sort_dir', SORT_DIRECTIONS, sortDirections[index] ?? sortDirections[0] ?? ''),
  }))
  return sortDirections.length > 1 ? newestFirst(sort) : sort
}

/** Where several directions were given, alike or not, Glance breaks ties by the newest, and else by the one given. */
function newestFirst(sort: Sort): Sort {
  if (sort.length === 1) return sort
  const isLacking = (tie: SortKey) => !sort.some(({ key }) => key === tie)
  const ties = (['createdAt', 'id'] as const).filter(isLacking)
  return [...sort, ...ties.map((key) => ({ key, direction: DEFAULT_DIRECTION }))]
}

function sortKey(text: string): SortKey {
  const key = SORT_KEYS.get(text)
  if (key) return key
  throw new ImageError('INVALID', `Images are sorted by one of: ${[...SORT_KEYS.keys()].join(', ')}.`)
}
