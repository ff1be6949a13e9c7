/** An image is taken out of use and put back (glance-api.md §7): what is asked for twice is done once. */
import type { Operation } from '../../cluster/register/operations.ts'
import { onLiveImage, recheck, refuse, touch, write, type CalledArgs } from './image-decisions.ts'

export const activationOperations = {
  'image.deactivate': turn('deactivate', 'active', 'deactivated'),
  'image.reactivate': turn('reactivate', 'deactivated', 'active'),
}

export interface ActivationOperationArgs {
  'image.deactivate': CalledArgs
  'image.reactivate': CalledArgs
}

type InUse = 'active' | 'deactivated'

function turn(verb: string, from: InUse, to: InUse): Operation {
  return onLiveImage<CalledArgs>((record, { grant, now }) => {
    const denied = recheck(grant, record)
    if (denied) return denied
    if (record.status === to) return { kind: 'keep' }
    if (record.status !== from)
      return refuse('FORBIDDEN', `Not allowed to ${verb} image in status '${record.status}'`)
    return write(touch({ ...record, status: to }, now))
  })
}
