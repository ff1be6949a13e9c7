/** The commands about tasks, and about bytes that were sent ahead of an import. */
import { type Command, Option } from 'commander'
import { TASK_STATUSES, type TaskStatus } from '../../tasks/task-record.ts'
import type { CliIo } from '../cli-io.ts'
import { withFormat, withUrl } from '../cluster-commands.ts'
import { parseDuration } from '../parse-time.ts'
import type { StatusFormat } from '../status-view.ts'

type Finish = (exitCode: number) => void

interface Asking {
  url: string
  format: StatusFormat
}

export function addWorkCommands(program: Command, io: CliIo, finish: Finish): void {
  addTasks(program, io, finish)
  addStaging(program, io, finish)
}

function addTasks(program: Command, io: CliIo, finish: Finish): void {
  const tasks = program
    .command('tasks')
    .description(
      'What goes on behind the answers to requests, and what came of it: imports, and digests of locations.',
    )
  const list = tasks
    .command('list', { isDefault: true })
    .description('Show the tasks of all projects, the latest first.')
    .addOption(new Option('--status <status>', 'only these').choices(TASK_STATUSES))
  withFormat(withUrl(list)).action(async (flags: Asking & { status?: TaskStatus }) => {
    const { tasksCommand } = await import('./tasks.ts')
    finish(await tasksCommand(flags, io))
  })
  const show = tasks.command('show').description('Show all that is known of a task.').argument('<id>')
  withFormat(withUrl(show)).action(async (id: string, flags: Asking) => {
    const { taskCommand } = await import('./tasks.ts')
    finish(await taskCommand(id, flags, io))
  })
  const remove = tasks
    .command('delete')
    .description('Forget tasks that are over before their time ([task] task_time_to_live).')
    .argument('<ids...>')
  withUrl(remove).action(async (ids: string[], { url }: { url: string }) => {
    const { deleteTasksCommand } = await import('./tasks.ts')
    finish(await deleteTasksCommand(ids, url, io))
  })
}

function addStaging(program: Command, io: CliIo, finish: Finish): void {
  const staging = program
    .command('staging')
    .description(
      'Bytes that were sent ahead of an import: they take room until they are imported, or expire.',
    )
  const list = staging
    .command('list', { isDefault: true })
    .description('Show images with staged bytes, the oldest first.')
  withFormat(withUrl(list)).action(async (flags: Asking) => {
    const { stagingCommand } = await import('./staging.ts')
    finish(await stagingCommand(flags, io))
  })
  const clear = staging
    .command('clear')
    .description(
      'Let go of staged bytes before their time ([images] staging_time): the images are queued again.',
    )
    .argument('[ids...]', 'ids of images')
    .option('--older <time>', 'all that were staged so long ago, as in 12h', parseDuration)
  withUrl(clear).action(async (ids: string[], { url, older }: { url: string; older?: number }) => {
    const { clearStagingCommand } = await import('./staging.ts')
    finish(await clearStagingCommand({ ids, olderMs: older ?? null }, url, io))
  })
}
