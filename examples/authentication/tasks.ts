import { defineTask, stage } from 'tidings'
import { z } from 'zod'

/** The members of teams; yours are in your database. */
const members = new Map([
  ['sales', { lead: 'user_ada', users: ['user_ada', 'user_grace'] }],
  ['support', { lead: 'user_eve', users: ['user_eve'] }],
])

export const closeMonth = defineTask({
  kind: 'CLOSE_MONTH',
  input: z.object({ team: z.string(), month: z.string() }),
  // Who may start it.
  authorize: ({ userId }, { team }) => members.get(team)?.users.includes(userId) === true,
  // The subject of the task, which the functions below receive.
  begin: (_client, { team }) => Promise.resolve({ subject: team }),
  // Others than the owner who may see it, and who of them may cancel it.
  mayWatch: (_database, watchers) =>
    Promise.resolve(watchers.map(([team, userId]) => members.get(team)?.users.includes(userId) === true)),
  mayCancel: (_database, watchers) =>
    Promise.resolve(watchers.map(([team, userId]) => members.get(team)?.lead === userId)),
  async *run({ signal }) {
    yield stage('waiting for the last booking')
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  },
})
