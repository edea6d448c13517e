import { advance, createTidings, defineTask } from 'tidings'
import { z } from 'zod'

const count = defineTask({
  kind: 'COUNT',
  input: z.object({ to: z.int() }),
  result: z.object({ counted: z.int() }),
  async *run({ input }) {
    for (let n = 1; n <= input.to; n++) yield advance({ percent: (100 * n) / input.to })
    return { counted: input.to }
  },
})

export const tidings = createTidings({ tasks: [count], databaseUrl: process.env['DATABASE_URL'], logLevel: 'warn' })
