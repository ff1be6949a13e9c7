/** Who takes part in an image's life on the command line. */
import type { Test } from 'tap'
import type { Command } from '../command-host.ts'
import type { RoamingClient } from '../roaming-client.ts'
import { isFullForm } from '../../helpers/probe-form.ts'
import { clientOf, controllers } from './controllers.ts'

export interface Cast {
  t: Test
  isAdmin: boolean
  owner: RoamingClient
  /** Of the project `demo`, so a stranger to the admin's images. */
  reader: RoamingClient
  stranger: RoamingClient
  strangersProject: string
}

export interface Scene extends Cast {
  /** Of the image. */
  id: string
}

/** Whose images a program's users work with; only one owner's in the short form, since each command logs in anew. */
export function ownersOf(inShort: 'admin' | 'demo'): readonly ('admin' | 'demo')[] {
  return isFullForm ? ['demo', 'admin'] : [inShort]
}

/** All use `program`, each in a home directory of its own. */
export async function castFor(t: Test, program: Command['program'], owner: 'admin' | 'demo'): Promise<Cast> {
  return {
    t,
    isAdmin: owner === 'admin',
    owner: await clientOf(t, program, owner),
    reader: await clientOf(t, program, 'reader'),
    stranger: await clientOf(t, program, 'stranger'),
    strangersProject: (await controllers.keystone.issueToken('stranger')).projectId!,
  }
}

/** Who asks for an image that is private, and whether that is a project's reader, who may see the record but no more. */
export function outsiders({ isAdmin, reader, stranger }: Scene): { user: RoamingClient; canSee: boolean }[] {
  return [
    { user: stranger, canSee: false },
    { user: reader, canSee: !isAdmin },
  ]
}
