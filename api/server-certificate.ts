/** The certificate with which the API speaks TLS, and its changes: they come without a restart. */
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Clock, Log } from '../cluster/runtime.ts'

/** PEM. */
export interface CertificatePair {
  cert: string
  key: string
}

export interface CertificateFiles {
  certFile: string
  keyFile: string
}

export interface FollowedCertificate {
  /** Takes over a change at once. Never rejects. */
  look(): Promise<void>
  unfollow(): void
}

/** How often the files are read, ms: a few KB each time, and no file system fails to tell of a change. */
const LOOK_EVERY_MS = 10_000

export class ServerCertificate {
  readonly #files: CertificateFiles
  #pair: CertificatePair

  private constructor(files: CertificateFiles, pair: CertificatePair) {
    this.#files = files
    this.#pair = pair
  }

  /** Throws an Error for the operator when the files cannot be read, or do not belong together. */
  static async load(files: CertificateFiles): Promise<ServerCertificate> {
    return new ServerCertificate(files, await readPair(files))
  }

  get pair(): CertificatePair {
    return this.#pair
  }

  /** Has `server` use what the files say from now on, until `unfollow`. Open connections stay. */
  follow(
    server: { setSecureContext(pair: CertificatePair): void },
    { clock, log }: { clock: Clock; log: Log },
  ): FollowedCertificate {
    let complaint = ''
    const look = async () => {
      try {
        const pair = await readPair(this.#files)
        complaint = ''
        if (pair.cert === this.#pair.cert && pair.key === this.#pair.key) return
        this.#pair = pair
        server.setSecureContext(pair)
        log.info(this.#files, 'the certificate of the API was changed')
      } catch (error) {
        // Half of a change may be there already; it is looked at again.
        const { message } = error as Error
        if (message !== complaint) log.warn({ error: message }, 'the API keeps its old certificate')
        complaint = message
      }
    }
    let cancel = () => {}
    const wait = () => (cancel = clock.after(LOOK_EVERY_MS, () => void look().then(again)))
    let again = () => void wait()
    wait()
    const unfollow = () => {
      again = () => {}
      cancel()
    }
    return { look, unfollow }
  }
}

async function readPair({ certFile, keyFile }: CertificateFiles): Promise<CertificatePair> {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')])
  try {
    createSecureContext({ cert, key })
  } catch (error) {
    const message = `cert_file ${certFile} and key_file ${keyFile} are no certificate and its key: ${(error as Error).message}`
    throw new Error(message, { cause: error })
  }
  return { cert, key }
}
