import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makePdfBomb, makeSamples } from '../../fixtures/documents/make.ts'
import { type DocumentsFixture, startDocuments } from '../../studio/documents/support.ts'

let fixture: DocumentsFixture
beforeAll(async () => {
  fixture = await startDocuments()
})
afterAll(async () => {
  await fixture[Symbol.asyncDispose]()
})

describe('a bad file', () => {
  test.each(makeSamples().flatMap(({ name, code, bytes }) => (code === null ? [] : [{ name, code, bytes }])))(
    '$name fails permanently with $code, and reports what is wrong and what to do',
    async ({ name, code, bytes }) => {
      const { document, task, events } = await fixture.convert(name, bytes)
      expect(document.error).toMatchObject({
        code,
        retryable: false,
        message: expect.stringMatching(/^(The|This|None|"|').{10,}[^\s]$/),
        advice: expect.stringMatching(/^[A-Z].{10,}\.$/),
      })
      expect(document.status).toBe('FAILED')
      expect(task).toMatchObject({ status: 'FAILED', attempt: 1 })
      expect(events.at(-1)).toMatchObject({ type: 'TaskFailed', payload: { error: { code } } })
      expect(await fixture.documents.sections(document.id)).toEqual([])
    },
  )

  test('that expands to gigabytes inside a PDF is stopped by its memory limit, and others continue', async () => {
    const [{ document }, other] = await Promise.all([
      fixture.convert('bomb.pdf', makePdfBomb()),
      fixture.convert('good.html', Buffer.from('<!doctype html><h1>Good</h1><p>Text.')),
    ])
    expect(document.error).toMatchObject({ code: 'TOO_COMPLEX', retryable: false })
    expect(other.document.status).toBe('READY')
  })
})
