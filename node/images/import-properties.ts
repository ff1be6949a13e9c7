/**
 * Properties in which an image tells of its import, as in Glance: the task that holds it, the stores it is still on its way
 * to, those that failed. Nobody but the service writes them, and they take no place of a quota.
 */
import type { ImageRecord } from './image-record.ts'

const PREFIX = 'os_glance_'
const TASK = 'os_glance_import_task'
const UNDER_WAY = 'os_glance_importing_to_stores'
const FAILED = 'os_glance_failed_import'

type Properties = ImageRecord['properties']

export function isImportProperty(name: string): boolean {
  return name.startsWith(PREFIX)
}

/** Of an image whose import begins. */
export function importing(properties: Properties, taskId: string, stores: readonly string[]): Properties {
  return { ...properties, [TASK]: taskId, [UNDER_WAY]: stores.join(','), [FAILED]: '' }
}

/** Of one that has reached some of its stores, not those that `failed`, and is on its way to `remaining` still. */
export function stillImporting(
  properties: Properties,
  remaining: readonly string[],
  failed: readonly string[] = [],
): Properties {
  return { ...properties, [UNDER_WAY]: remaining.join(','), [FAILED]: sorted(failed) }
}

/** Of one whose import is over. `failed`: what it was on its way to, it has not reached. Of `done`, some stores may have failed. */
export function imported(
  properties: Properties,
  outcome: 'done' | 'failed',
  failed: readonly string[] = [],
): Properties {
  const { [TASK]: _, ...rest } = properties
  const stores = properties[UNDER_WAY]?.split(',') ?? []
  return { ...rest, [UNDER_WAY]: '', [FAILED]: sorted(outcome === 'failed' ? stores : failed) }
}

function sorted(stores: readonly string[]): string {
  return stores.toSorted().join(',')
}
