/** Makes the tasks: their records and what keeps them. */
import type { Cluster } from '../../cluster/cluster.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import { systemClock as clock, systemRandom as random, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'
import type { ImageServicePort } from '../images/image-service-port.ts'
import { LocationTaskKeeper } from '../tasks/location-tasks.ts'
import type { TaskIndex } from '../tasks/task-index.ts'
import { TaskKeeper } from '../tasks/task-keeper.ts'
import { TaskRegisters } from '../tasks/task-registers.ts'
import { TaskService } from '../tasks/task-service.ts'

export interface TaskParts {
  config: SeracConfig
  log: Log
  identity: NodeIdentity
  cluster: Pick<Cluster, 'registers'>
  tasks: TaskIndex
}

export interface Tasks {
  registers: TaskRegisters
  keeper: TaskKeeper
  locations: LocationTaskKeeper
}

const HOUR_MS = 3_600_000

export function buildTasks({ config, log, identity, cluster, tasks }: TaskParts): Tasks {
  const registers = new TaskRegisters(cluster.registers)
  const keeper = new TaskKeeper(
    { identity, clock, random, log, registers, index: tasks },
    { keepMs: config.task.taskTimeToLive * HOUR_MS },
  )
  return { registers, keeper, locations: new LocationTaskKeeper(keeper) }
}

export function buildTaskService(
  { tasks }: TaskParts,
  { registers }: Tasks,
  images: Pick<ImageServicePort, 'show'>,
): TaskService {
  return new TaskService({ registers, index: tasks, images })
}
