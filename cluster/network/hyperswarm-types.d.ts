/** The little of these packages that is used here; they bring no types. */
declare module 'hyperdht' {
  interface HyperDhtOptions {
    bootstrap?: { host: string; port: number }[]
    host: string
    port: number
    anyPort: boolean
    ephemeral?: boolean
    firewalled?: boolean
    maxSize: number
  }
  export default class HyperDht {
    constructor(options: HyperDhtOptions)
    bind(): Promise<void>
    address(): { host: string; port: number } | null
    destroy(options?: { force: boolean }): Promise<void>
  }
}

declare module 'hyperswarm' {
  import type { Duplex } from 'node:stream'
  import type HyperDht from 'hyperdht'

  export interface SecretStream extends Duplex {
    handshakeHash: Uint8Array
    rawStream: Duplex
  }
  type Firewall = (remotePublicKey: Uint8Array, payload: unknown) => boolean
  export interface Discovery {
    flushed(): Promise<boolean>
    refresh(options: { client: boolean; server: boolean }): Promise<void>
  }
  export default class Hyperswarm {
    readonly server: { firewall: Firewall }
    constructor(options: { dht: HyperDht; maxPeers: number })
    on(event: 'connection', listener: (stream: SecretStream) => void): this
    join(
      topic: Uint8Array,
      options: { client: boolean; server: boolean; onerror: (error: unknown) => void },
    ): Discovery
    leave(topic: Uint8Array): Promise<void>
    flush(): Promise<boolean>
    clear(): Promise<unknown>
    destroy(options?: { force: boolean }): Promise<void>
  }
}
