import type { LogEvent } from '../../../src/log/event.ts'
import { createApplications } from '../../../src/studio/applications.ts'
import type { ConversionLimits } from '../../../src/studio/documents/convert/conversion.ts'
import { defineConvertDocument } from '../../../src/studio/documents/convert/convert-document.ts'
import type { Document } from '../../../src/studio/documents/document.ts'
import type { Documents } from '../../../src/studio/documents/documents.ts'
import type { Task } from '../../../src/tasks/model/task.ts'
import type { TestDatabase } from '../../support/database.ts'
import { type EngineFixture, startTestEngine } from '../../support/engine.ts'

/** Documents on a real engine. */
export interface DocumentsFixture extends EngineFixture {
  readonly documents: Documents
  /** Imports a file and waits for the end of its conversion. */
  convert(
    name: string,
    bytes: Uint8Array,
  ): Promise<{ readonly document: Document; readonly task: Task; readonly events: readonly LogEvent[] }>
}

/** Starts documents on a fresh database, or on the given one. */
export async function startDocuments(
  limits: Partial<ConversionLimits> = {},
  on?: TestDatabase,
): Promise<DocumentsFixture> {
  const fixture = await startTestEngine({
    definitions: [defineConvertDocument(limits)],
    ...(on === undefined ? {} : { on }),
  })
  const { documents } = createApplications(fixture.engine)
  return {
    ...fixture,
    documents,
    async convert(name, bytes) {
      const { document, task } = await documents.import({ owner: 'u_1', name, bytes })
      const events = await fixture.history(task)
      const [now] = await documents.getMany([document.id])
      if (!now) throw new Error(`The document "${document.id}" is gone`)
      return { document: now, task: await fixture.get(task), events }
    },
  }
}
