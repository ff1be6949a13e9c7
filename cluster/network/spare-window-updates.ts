/**
 * yamux tells the sender after every single frame that there is room again: a frame, a TLS record and a system call on
 * either side, as many as the votes themselves. Its specification leaves it to the receiver when to say so, and other
 * implementations wait for half of the window (hashicorp/yamux, libp2p/rust-yamux#109).
 */
import type { Stream } from '@libp2p/interface'
import { StreamState, YamuxStream } from '@libp2p/yamux/stream'

/** A quarter of yamux's first window, bytes: far more than small messages need, and the sender never comes near its end. */
const REPORT_AFTER_BYTES = 64 * 1024

/** From now on room is reported when much of it is used up. */
export function spareWindowUpdates(stream: Stream): void {
  if (!(stream instanceof YamuxStream)) return
  let unreportedBytes = 0
  const report = stream.sendWindowUpdate.bind(stream)
  stream.addEventListener('message', ({ data }) => {
    unreportedBytes += data.byteLength
  })
  stream.sendWindowUpdate = () => {
    // Until the stream is established, what opens it goes along with the report.
    if (stream.state === StreamState.Established && unreportedBytes < REPORT_AFTER_BYTES) return
    unreportedBytes = 0
    report()
  }
}
