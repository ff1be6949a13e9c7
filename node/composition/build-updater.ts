/** Makes the updater with what it decides by: placement, who is out, who vouches for a copy (architecture §4, §6). */
import type { Cluster } from '../../cluster/cluster.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { placedNodes } from '../../cluster/placement/placement-policy.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { isVoter } from '../../cluster/register/quorum.ts'
import { systemClock as clock, systemRandom as random, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'
import { CopyQuestions } from '../data/copy-questions.ts'
import type { ImageHolder } from '../data/image-holder.ts'
import { MisplacedCopies } from '../data/misplaced-copies.ts'
import type { ImageIndex } from '../images/image-index.ts'
import { imageIdOf, imageKey } from '../images/image-operations.ts'
import { storedData, type ImageData } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import { OutNodes } from '../loops/out-nodes.ts'
import type { RepairPace } from '../loops/repair-pace.ts'
import { Updater } from '../loops/updater.ts'
import type { Store } from '../store/store.ts'

export interface UpdaterParts {
  config: SeracConfig
  log: Log
  identity: NodeIdentity
  currentConfig: CurrentConfig
  store: Store
  index: ImageIndex
  cluster: Cluster
  registers: ImageRegisters
  holder: ImageHolder
  pace: RepairPace
  silentMs: (node: NodeId) => number
}

export function buildUpdater(parts: UpdaterParts): { updater: Updater; out: OutNodes } {
  const { config, log, identity, currentConfig, store, index, cluster, registers, holder, pace } = parts
  const self = identity.id
  const out = new OutNodes(
    { self, config: currentConfig, silentMs: parts.silentMs },
    { outAfterMs: config.repair.outAfter },
  )
  const updater = new Updater({
    clock,
    random,
    log,
    holder,
    misplaced: buildMisplaced(parts),
    out,
    pace,
    caughtUp: () => cluster.registers.caughtUp,
    settled: (id) => {
      if (!store.registers.isSettled(imageKey(id))) return null
      const record = index.get(id)
      return record ? { live: true, record } : registers.local(id)
    },
    allImages: () => imageIdsIn(store.registers.learnedKeys()),
    belongsHere: (id, { copies }) => belongsTo(self, currentConfig, id, copies, out.out),
    isVoter: () => isVoter(currentConfig.current(), self),
  })
  currentConfig.onChanged(() => updater.placementChanged())
  return { updater, out }
}

function buildMisplaced(parts: UpdaterParts): MisplacedCopies {
  const { identity, currentConfig, store, index, cluster, holder, pace } = parts
  const { holders } = cluster
  const questions = new CopyQuestions({
    rpc: cluster.control.rpc,
    config: currentConfig,
    isHeld: (root) => store.chunks.isHeld(root),
    caughtUp: () => cluster.registers.caughtUp,
  })
  return new MisplacedCopies({
    self: identity.id,
    config: currentConfig,
    random,
    pace,
    placedFor: async (root) => {
      await cluster.registers.freshen()
      const images = await store.registers.imagesWithRoot(root)
      return images.flatMap((id) => {
        const image = index.get(id)
        const data = image && storedData(image).find((stored) => stored.root === root)
        // What is not settled yet may belong anywhere.
        return data ? placedNodes(currentConfig.current(), id, data.copies) : [identity.id]
      })
    },
    ask: (node, question, signal) => questions.ask(node, question, signal),
    have: (at, hashes, pin, signal) => holders.have(at, hashes, pin, signal),
    unpin: (at, pin) => holders.unpin(at, pin),
    steps: (source, countMax, signal) => holder.steps(source, countMax, signal),
    release: (root) => holder.release([root]),
  })
}

function belongsTo(
  node: NodeId,
  config: CurrentConfig,
  imageId: string,
  copies: ImageData['copies'],
  out: ReadonlySet<NodeId>,
): boolean {
  const isIn = (away?: ReadonlySet<NodeId>) =>
    placedNodes(config.current(), imageId, copies, away).includes(node)
  return isIn() || (out.size > 0 && isIn(out))
}

function* imageIdsIn(keys: Iterable<string>): Generator<string> {
  for (const key of keys) {
    const id = imageIdOf(key)
    if (id !== null) yield id
  }
}
