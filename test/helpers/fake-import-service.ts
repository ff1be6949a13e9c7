/** The imports as the façade sees them, in memory: what is asked of them is kept. */
import type { Caller } from '../../node/images/image-requests.ts'
import type { ImportRequest } from '../../node/imports/import-requests.ts'
import type { LegacyImport } from '../../node/imports/legacy-import.ts'
import type { TaskRecord } from '../../node/tasks/task-record.ts'
import type { ImportServicePort } from '../../node/imports/import-service-port.ts'
import type { FakeImageService } from './fake-image-service.ts'

export class FakeImportService implements ImportServicePort {
  methods: readonly string[] = ['glance-direct', 'web-download']
  readonly staged: { id: string; bytes: Buffer; declaredSizeBytes: number | null }[] = []
  readonly requests: { id: string; request: ImportRequest }[] = []
  readonly tasks: LegacyImport[] = []
  readonly removals: { id: string; store: string }[] = []
  readonly #images: FakeImageService

  constructor(images: FakeImageService) {
    this.#images = images
  }

  async stage(
    caller: Caller,
    id: string,
    body: AsyncIterable<Uint8Array>,
    declaredSizeBytes: number | null,
  ): Promise<void> {
    await this.#images.show(caller, id)
    const pieces: Uint8Array[] = []
    for await (const piece of body) pieces.push(piece)
    this.staged.push({ id, bytes: Buffer.concat(pieces), declaredSizeBytes })
  }

  async import(caller: Caller, id: string, request: ImportRequest): Promise<void> {
    await this.#images.show(caller, id)
    this.requests.push({ id, request })
  }

  async importAsTask(caller: Caller, request: LegacyImport): Promise<TaskRecord> {
    this.tasks.push(request)
    const now = '2026-01-01T12:00:00.000Z'
    return {
      id: '33333333-2222-4333-8444-555555555555',
      type: 'import',
      status: 'pending',
      owner: caller.projectId,
      userId: caller.userId,
      imageId: '44444444-2222-4333-8444-555555555555',
      requestId: caller.requestId,
      input: request.input,
      result: null,
      message: '',
      createdAt: now,
      updatedAt: now,
      expiresAt: null,
      worker: { node: 'a', startNonce: '0' },
      bytes: '00',
    }
  }

  async removeFromStore(caller: Caller, id: string, store: string): Promise<void> {
    await this.#images.show(caller, id)
    this.removals.push({ id, store })
  }
}
