import { createTidings, defineTopic } from 'tidings'
import { z } from 'zod'

const status = z.enum(['open', 'shipped', 'delivered'])

export const order = defineTopic({
  name: 'order',
  description: 'What happens to an order.',
  state: z.object({ status }),
  events: {
    statusChanged: z.object({ status }).describe('The order has another status.'),
    noteAdded: z.object({ text: z.string() }).describe('Somebody has written a note.'),
    closed: z.object({}).describe('Nothing follows.'),
  },
  ephemeral: { courierMoved: z.object({ latitude: z.number(), longitude: z.number() }) },
  latest: ['statusChanged'],
  last: ['closed'],
  authorize: (viewer, id) => id.startsWith(`${viewer.userId}-`),
  async read(id, { client }) {
    const { rows } = await client.query<{ status: z.infer<typeof status> }>('select status from orders where id = $1', [
      id,
    ])
    return rows[0] ?? null
  },
})

export const tidings = createTidings({ tasks: [], topics: [order], databaseUrl: process.env['DATABASE_URL'] })

export async function ship(id: string): Promise<void> {
  await tidings.publish(order, id, { statusChanged: { status: 'shipped' }, noteAdded: { text: 'It is on its way.' } })
}
