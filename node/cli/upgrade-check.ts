/**
 * `serac upgrade-check`: whether the nodes of a running cluster may be restarted with the release of this very program. Run
 * from the new release before the first node is stopped, and again before each next one.
 */
import { FEATURE_LEVEL } from '../../cluster/membership/feature-level.ts'
import { wordWrap } from '../config/word-wrap.ts'
import type { ClusterStatus, NodeStatus } from '../status/status-types.ts'
import { FORMAT_VERSION } from '../store/format-version.ts'
import { SERAC_VERSION } from '../version.ts'
import { type CliIo, EXIT_FAILED, EXIT_OK } from './cli-io.ts'
import { OperatorClient } from './operator-client.ts'
import { shortId, type StatusFormat } from './status-view.ts'
import { type TextColumn, textTable } from './text-table.ts'

/** What a release brings. */
export interface Release {
  version: string
  featureLevel: number
  diskVersion: number
}

export interface UpgradeCheck {
  release: Release
  nodes: Pick<NodeStatus, 'id' | 'address' | 'version' | 'featureLevel' | 'diskVersion'>[]
  /** Why no node may be restarted with this release now; empty: one may. */
  obstacles: string[]
  /** What an operator should know. */
  remarks: string[]
}

type Facts = Pick<ClusterStatus, 'nodes' | 'quorum' | 'redundancy' | 'featureLevel' | 'voterChange'>

const OWN_RELEASE: Release = {
  version: SERAC_VERSION,
  featureLevel: FEATURE_LEVEL,
  diskVersion: FORMAT_VERSION,
}
const COLUMNS = 80
const TABLE: TextColumn<UpgradeCheck['nodes'][number]>[] = [
  { title: 'NODE', cell: ({ id }) => shortId(id) },
  { title: 'ADDRESS', cell: ({ address }) => address },
  { title: 'RELEASE', cell: ({ version }) => version ?? '?' },
  { title: 'LEVEL', cell: ({ featureLevel }) => String(featureLevel ?? '?'), alignRight: true },
  { title: 'DISK', cell: ({ diskVersion }) => String(diskVersion ?? '?'), alignRight: true },
]

/** Exit code 0: go on. */
export async function upgradeCheckCommand(url: string, format: StatusFormat, io: CliIo): Promise<number> {
  const check = checkUpgrade(OWN_RELEASE, await new OperatorClient(url).status())
  io.print(render(check, format))
  return check.obstacles.length === 0 ? EXIT_OK : EXIT_FAILED
}

/** Compares releases, feature levels and disk formats, and looks whether a node can be missed now. */
export function checkUpgrade(release: Release, facts: Facts): UpgradeCheck {
  const nodes = facts.nodes.map(({ id, address, version, featureLevel, diskVersion }) => ({
    id,
    address,
    version,
    featureLevel,
    diskVersion,
  }))
  const levels = nodes.flatMap(({ featureLevel }) => featureLevel ?? [])
  const isNews = levels.some((level) => level < release.featureLevel)
  return {
    release,
    nodes,
    obstacles: [
      ...nodes.flatMap((node) => unfit(release, node)),
      ...tooOld(release, facts),
      ...unsafe(facts),
    ],
    remarks: isNews
      ? ['what is new between nodes is used when all of them run this release; there is no way back then']
      : [],
  }
}

function unfit({ version, diskVersion }: Release, node: UpgradeCheck['nodes'][number]): string[] {
  if (node.version === null) return [`${node.address} does not say what it runs: start it, or take it out`]
  const obstacles: string[] = []
  if (!areNeighbours(node.version, version))
    obstacles.push(
      `${node.address} runs ${node.version}: only neighbouring minor releases work together, go by way of those ` +
        `between it and ${version}`,
    )
  if ((node.diskVersion ?? 0) > diskVersion)
    obstacles.push(
      `${node.address} has disk format ${node.diskVersion}, and ${version} reads up to ${diskVersion}: there is no ` +
        'way back to an older release',
    )
  return obstacles
}

function tooOld({ version, featureLevel }: Release, facts: Facts): string[] {
  if (facts.featureLevel <= featureLevel) return []
  return [
    `the cluster uses feature level ${facts.featureLevel}, and ${version} understands up to ${featureLevel}`,
  ]
}

/** One node less must not stop writes nor be the last to have an image. */
function unsafe({ nodes, quorum, redundancy, voterChange }: Facts): string[] {
  const down = nodes.filter(({ state }) => state !== 'alive').map(({ address }) => address)
  const late = nodes.filter(({ caughtUp }) => caughtUp === false).map(({ address }) => address)
  const isAlone = quorum.votersTotal === 1
  const obstacles: string[] = []
  if (down.length > 0) obstacles.push(`these nodes do not answer: ${down.join(', ')}`)
  if (late.length > 0) obstacles.push(`these nodes have not caught up: ${late.join(', ')}`)
  if (voterChange) obstacles.push('the voters are changing: wait until that is over')
  if (!isAlone && quorum.votersUp <= quorum.needed)
    obstacles.push(
      `${quorum.votersUp} of ${quorum.votersTotal} voters vote: with one less nothing can be changed`,
    )
  const last = Object.values(redundancy?.onlyOn ?? {}).reduce((sum, { images }) => sum + images, 0)
  if (!redundancy) obstacles.push('the node that was asked does not know the images yet')
  if (!isAlone && last > 0)
    obstacles.push(`${last} images have only one full copy: wait until the updater has copied them`)
  return obstacles
}

/** By minor release, also over the end of a major one: its first minor release follows any of the major before. */
function areNeighbours(one: string, other: string): boolean {
  const [low, high] = [numbersOf(one), numbersOf(other)].toSorted(
    (a, b) => a.major - b.major || a.minor - b.minor,
  )
  if (!low || !high) return false
  if (low.major === high.major) return high.minor - low.minor <= 1
  return high.major - low.major === 1 && high.minor === 0
}

function numbersOf(version: string): { major: number; minor: number } {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return { major, minor }
}

function render(check: UpgradeCheck, format: StatusFormat): string {
  const { release, nodes, obstacles, remarks } = check
  if (format === 'json') return `${JSON.stringify(check, null, 2)}\n`
  if (format === 'value') return `${obstacles.length === 0 ? 'yes' : 'no'}\n`
  const { version, featureLevel, diskVersion } = release
  const lines = [
    `This is release ${version}, feature level ${featureLevel}, disk format ${diskVersion}.`,
    '',
    ...textTable(TABLE, nodes),
    '',
    ...obstacles.flatMap((text) => wordWrap(`Not now: ${text}.`, COLUMNS)),
    ...remarks.flatMap((text) => wordWrap(`Note: ${text}.`, COLUMNS)),
    ...(obstacles.length === 0 ? ['One node may be restarted with it. Ask again before the next one.'] : []),
  ]
  return `${lines.join('\n')}\n`
}
