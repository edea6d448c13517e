import { setTimeout as delay } from 'node:timers/promises'
import { advance, defineTask, stage } from 'tidings'
import { z } from 'zod'

export const exportReport = defineTask({
  kind: 'EXPORT_REPORT',
  description: 'Exports a report as a file.',
  input: z.object({
    reportId: z.string().describe('The report.'),
    format: z.enum(['pdf', 'csv']).default('pdf').describe('The format of the file.'),
    pages: z.int().min(1).max(500).default(20).describe('The number of pages.'),
  }),
  result: z.object({
    url: z.url().describe('The address of the file.'),
    pages: z.int().describe('The number of pages that were written.'),
  }),
  errors: {
    QUOTA: z.object({ resetsAt: z.iso.datetime() }).describe('The quota of pages is used up.'),
  },
  stages: { query: 20, render: 80 },
  async *run({ input, errors, signal }) {
    yield stage('query')
    await delay(200, undefined, { signal })
    if (input.pages > 100) errors.QUOTA({ resetsAt: '2030-01-01T00:00:00Z' }, { advice: 'Export fewer pages.' })
    yield stage('render')
    for (let page = 1; page <= input.pages; page++) {
      await delay(50, undefined, { signal })
      yield advance({ stagePercent: (100 * page) / input.pages, message: `Page ${page} of ${input.pages}` })
    }
    return { url: `https://files.example.com/${input.reportId}.${input.format}`, pages: input.pages }
  },
})
