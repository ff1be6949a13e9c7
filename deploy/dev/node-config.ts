/** Writes the serac.conf of a development node. */
import { join } from 'node:path'
import { escapeDollars } from '../../node/config/substitute.ts'
import type { DevNode } from './dev-node.ts'

/** One `--set SECTION.OPTION=VALUE`. */
export interface Setting {
  section: string
  name: string
  value: string
}

/** Throws when `text` is not SECTION.OPTION=VALUE. */
export function parseSetting(text: string): Setting {
  const [, section, name, value] = /^(\w+)\.(\w+)=([^\r\n]*)$/.exec(text) ?? []
  if (section === undefined || name === undefined || value === undefined) {
    throw new Error(`--set takes SECTION.OPTION=VALUE, not '${text}'`)
  }
  return { section, name, value }
}

/** `members` are the lines of initial_members; `settings` come last and so win. */
export function nodeConfig(node: DevNode, members: readonly string[], settings: readonly Setting[]): string {
  const directory = escapeDollars(node.directory)
  return [
    '[DEFAULT]',
    `bind_host = ${node.host}`,
    `bind_port = ${node.apiPort}`,
    `state_path = ${directory}`,
    'auth_strategy = noauth',
    // Nobody balances load in front of it, and nobody likes to wait.
    'shutdown_delay = 0',
    'graceful_shutdown_timeout = 10',
    '',
    '[cluster]',
    `bind_host = ${node.host}`,
    `control_port = ${node.controlPort}`,
    `bulk_port = ${node.bulkPort}`,
    ...members.map((line) => `initial_members = ${line}`),
    '',
    '[operator]',
    `bind_host = ${node.host}`,
    `port = ${node.operatorPort}`,
    '',
    '[healthcheck]',
    `disable_by_file_path = ${join(directory, 'healthcheck_disable')}`,
    ...settings.flatMap(({ section, name, value }) => ['', `[${section}]`, `${name} = ${value}`]),
    '',
  ].join('\n')
}
