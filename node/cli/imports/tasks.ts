/** `serac tasks`: shows tasks, and forgets those that are over. */
import type { TasksPage, TaskView, WholeTaskView } from '../../status/work-admin.ts'
import type { TaskStatus } from '../../tasks/task-record.ts'
import { type CliIo, EXIT_OK } from '../cli-io.ts'
import { OperatorClient } from '../operator-client.ts'
import type { StatusFormat } from '../status-view.ts'
import { type TextColumn, textTable } from '../text-table.ts'

const TASKS = '/v1/cluster/tasks'

const COLUMNS: TextColumn<TaskView>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'STATUS', cell: ({ status }) => status },
  { title: 'TYPE', cell: ({ type }) => type },
  { title: 'IMAGE', cell: ({ imageId }) => imageId },
  { title: 'CREATED', cell: ({ createdAt }) => createdAt },
  { title: 'MESSAGE', cell: ({ message }) => message },
]

/** Throws an Error with what the node said, NotAskedError. */
export async function tasksCommand(
  { url, format, status }: { url: string; format: StatusFormat; status?: TaskStatus },
  io: CliIo,
): Promise<number> {
  const client = new OperatorClient(url)
  const tasks: TaskView[] = []
  for (let marker: string | null = ''; marker !== null;) {
    const query = new URLSearchParams({ ...(status && { status }), ...(marker !== '' && { marker }) })
    const page = (await client.send('GET', `${TASKS}?${query.toString()}`)) as TasksPage
    tasks.push(...page.tasks)
    marker = page.marker
  }
  io.print(renderTasks(tasks, format))
  return EXIT_OK
}

/** value: id and status of each, for scripts. */
export function renderTasks(tasks: readonly TaskView[], format: StatusFormat): string {
  if (format === 'json') return `${JSON.stringify(tasks, null, 2)}\n`
  if (format === 'value') return tasks.map(({ id, status }) => `${id} ${status}\n`).join('')
  if (tasks.length === 0) return 'There are no tasks.\n'
  return [...textTable(COLUMNS, tasks), ''].join('\n')
}

export async function taskCommand(
  id: string,
  { url, format }: { url: string; format: StatusFormat },
  io: CliIo,
): Promise<number> {
  const task = (await new OperatorClient(url).send('GET', pathOf(id))) as WholeTaskView
  io.print(renderTask(task, format))
  return EXIT_OK
}

function renderTask(task: WholeTaskView, format: StatusFormat): string {
  if (format === 'json') return `${JSON.stringify(task, null, 2)}\n`
  if (format === 'value') return `${task.status}\n`
  const fields = Object.entries(task).map(([name, value]) => [name, textOf(value)] as const)
  const width = Math.max(...fields.map(([name]) => name.length))
  return fields.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join('')
}

export async function deleteTasksCommand(ids: readonly string[], url: string, io: CliIo): Promise<number> {
  const client = new OperatorClient(url)
  for (const id of ids) {
    await client.send('DELETE', pathOf(id))
    io.print(`Task ${id} is forgotten.\n`)
  }
  return EXIT_OK
}

function pathOf(id: string): string {
  return `${TASKS}/${encodeURIComponent(id)}`
}

function textOf(value: unknown): string {
  if (value === null || value === '') return '-'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
