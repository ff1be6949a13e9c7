/** The task of a location as a list of what it was told, in order. */
import type { LocationTask } from '../../node/images/location-task-port.ts'

export interface ToldLocationTask extends LocationTask {
  told: string[]
}

export function toldLocationTask(claim = 'h1'): ToldLocationTask {
  const told: string[] = []
  return {
    claim,
    told,
    discard: async () => void told.push('discarded'),
    begin: async () => void told.push('begun'),
    end: async (failure) => void told.push(failure ?? 'done'),
  }
}
