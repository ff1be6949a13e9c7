/** How what a node does for itself is kept from taking the machine from clients; node/loops/repair-pace.ts implements it. */
export interface TransferPace {
  /** Resolves when the next piece of work may begin. Call the answer once, when it is over, with the bytes it has moved. */
  begin(signal: AbortSignal): Promise<(bytes: number) => void>
}
