import { defineTask, output } from 'tidings'
import { z } from 'zod'
import { type Busy, translate } from './translation-service.ts'

export const translateText = defineTask({
  kind: 'TRANSLATE_TEXT',
  description: 'Translates a text.',
  input: z.object({ text: z.string(), customerId: z.string(), plan: z.enum(['free', 'paid']).default('free') }),
  result: z.object({ characters: z.int() }),
  errors: { BUSY: z.object({ until: z.iso.datetime() }).describe('The service is busy.') },

  // Retries: five attempts, and at least half a minute after BUSY.
  attempts: 5,
  backoff: { initialDelayMs: 2_000, maxDelayMs: 120_000 },
  retry: { BUSY: { afterMs: 30_000 } },
  timeoutMs: 600_000,

  // How many run at once: four per worker, and one per owner over all workers.
  concurrency: 4,
  perUser: 1,
  // At most 20 attempts start per minute and customer.
  rateLimit: { limit: 20, periodMs: 60_000, key: 'input.customerId' },
  // A paying customer's task passes those that were started up to five minutes before it.
  priority: ({ plan }) => (plan === 'paid' ? 300 : 0),

  // The translated text is kept for a day, the task with its result for a month.
  eventRetentionHours: 24,
  retentionDays: 30,

  async *run({ input, signal, errors }) {
    let characters = 0
    for await (const piece of translate(input.text, { signal })) {
      if (isBusy(piece)) return errors.BUSY({ until: piece.busyUntil })
      characters += piece.length
      yield output('translation', piece)
    }
    return { characters }
  },
})

const isBusy = (piece: string | Busy): piece is Busy => typeof piece !== 'string'
