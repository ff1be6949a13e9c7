/** Names and versions of installed packages, as their own package.json states them: an alias does not hide them. */
import { readFileSync } from 'node:fs'

interface InstalledPackage {
  name: string
  version: string
}

/** libp2p under the name this code imports. */
export const LIBP2P = 'libp2p'
/** gossipsub under the name this code imports; package.json maps it to the package that fits libp2p 3. */
export const GOSSIPSUB = '@chainsafe/libp2p-gossipsub'

/** The package that `import` finds under `specifier`. Throws when there is none. */
function installedPackage(specifier: string): InstalledPackage {
  // The exports of a package usually hide its package.json, so look upwards from its entry point.
  for (
    let url = new URL('.', import.meta.resolve(specifier));
    url.pathname !== '/';
    url = new URL('..', url)
  ) {
    const found = readPackageJson(new URL('package.json', url))
    if (found) return found
  }
  throw new Error(`the package ${specifier} has no package.json`)
}

/** Name and version in one text, for messages and hellos. */
export function describePackage(specifier: string): string {
  const { name, version } = installedPackage(specifier)
  return `${name} ${version}`
}

function readPackageJson(url: URL): InstalledPackage | null {
  let text: string
  try {
    text = readFileSync(url, 'utf8')
  } catch {
    return null
  }
  const { name, version } = JSON.parse(text) as Partial<InstalledPackage>
  // Folders of a package may hold a package.json of their own that only sets the module type.
  return name !== undefined && version !== undefined ? { name, version } : null
}
