/** The tasks of locations, among those of imports. */
import type { Caller, LocationRequest } from '../images/image-requests.ts'
import type { LocationTask, LocationTasks } from '../images/location-task-port.ts'
import type { ValidationData } from '../images/location-rules.ts'
import { shownUrl } from '../outbound/outbound-http.ts'
import { claimOf, type TaskKeeper } from './task-keeper.ts'

export class LocationTaskKeeper implements LocationTasks {
  readonly #keeper: Pick<TaskKeeper, 'requireRoom' | 'create' | 'discard' | 'begin' | 'end'>

  constructor(keeper: Pick<TaskKeeper, 'requireRoom' | 'create' | 'discard' | 'begin' | 'end'>) {
    this.#keeper = keeper
  }

  async create(caller: Caller, imageId: string, request: LocationRequest): Promise<LocationTask> {
    const keeper = this.#keeper
    keeper.requireRoom(caller)
    const input = inputOf(imageId, request)
    const task = await keeper.create(caller, { type: 'location_import', imageId, input, bytes: null })
    return {
      claim: claimOf(task.id),
      discard: () => keeper.discard(task),
      begin: () => keeper.begin(task),
      end: (failure, signal) =>
        keeper.end(
          task,
          failure === null ? { status: 'success', sizeBytes: null } : { status: 'failure', message: failure },
          signal,
        ),
    }
  }
}

/** As Glance has it; whoever sees the image sees its tasks, so that nothing secret of a URL is in it. */
function inputOf(imageId: string, { url, validation }: LocationRequest): Record<string, unknown> {
  return { image_id: imageId, loc_url: shownUrl(url), validation_data: validation ? shown(validation) : {} }
}

function shown({ hashAlgo, hashValue }: ValidationData): Record<string, unknown> {
  return { os_hash_algo: hashAlgo, os_hash_value: hashValue }
}
