import type { PoolClient } from 'pg'
import { type Database, deleteTopic, type Engine, forgetUser, pruneTopic, withTransaction } from '../engine.ts'
import { analyticsTopic } from './analytics/analytics.ts'
import type { Documents } from './documents/documents.ts'
import { inboxTopic } from './notifications/notification.ts'
import type { Projects } from './projects/projects.ts'
import type { Quizzes } from './quizzes/quizzes.ts'
import type { Roadmaps } from './roadmaps/roadmaps.ts'
import { sessionTopic } from './sessions/session.ts'
import type { Sessions } from './sessions/sessions.ts'
import { viewerTopic } from './viewer/viewer-updates.ts'

/** The author of a deleted user's messages in the sessions of other users. */
const deletedUser = '(deleted)'

/** Deletes users. */
export interface UserData {
  /**
   * Permanently deletes all data of one user, in the engine and in all applications: tasks
   * (canceled first), documents, roadmaps, quizzes, attempts, projects, sessions, notifications and
   * figures. In the sessions of others the user's messages remain as empty messages of
   * {@link deletedUser}; entries of the audit log lose the user, address and browser.
   *
   * Not a single transaction, as there may be much data: after a failure, call it again. Tokens
   * that are still valid let the user start over: revoke them first.
   *
   * @returns the ids of the canceled tasks
   */
  delete(userId: string): Promise<readonly string[]>
}

const reason = 'The user was deleted.'

/** Creates the deletion of users. */
export function createUserData(
  { database, tasks, visibility }: Pick<Engine, 'database' | 'tasks' | 'visibility'>,
  applications: {
    readonly documents: Pick<Documents, 'delete'>
    readonly projects: Pick<Projects, 'delete'>
    readonly quizzes: Pick<Quizzes, 'delete'>
    readonly roadmaps: Pick<Roadmaps, 'delete'>
    readonly sessions: Pick<Sessions, 'membership'>
  },
): UserData {
  const { documents, projects, quizzes, roadmaps, sessions } = applications
  const idsOf = async (statement: string, userId: string): Promise<readonly string[]> => {
    const { rows } = await database.pool.query<{ id: string }>(statement, [userId])
    return rows.map(({ id }) => id)
  }
  const deleteTasks = async (userId: string): Promise<readonly string[]> =>
    tasks.delete(await idsOf('select id from tidings.task where owner = $1 order by id', userId), reason)

  return {
    async delete(userId) {
      // Tasks are deleted first, as they would fail for lack of their data, and again last, as one
      // may have started in the meantime.
      const canceledIds = [...(await deleteTasks(userId))]
      for (const id of await idsOf('select id from studio.document where owner = $1', userId))
        canceledIds.push(...(await documents.delete(id)))
      for (const id of await idsOf('select id from studio.quiz where owner = $1', userId))
        canceledIds.push(...(await quizzes.delete(userId, id)))
      for (const id of await idsOf('select id from studio.project where owner = $1', userId))
        canceledIds.push(...(await projects.delete(userId, id)))
      for (const id of await idsOf('select id from studio.roadmap where owner = $1', userId))
        canceledIds.push(...(await roadmaps.delete(userId, id)))
      for (const id of await idsOf('select id from studio.session where owner = $1', userId)) {
        // Other participants receive the closing event before the session is deleted.
        await sessions.membership.close(id, userId)
        await withTransaction(database, async (client) => {
          await deleteTopic(client, sessionTopic(id))
          await client.query('delete from studio.session where id = $1', [id])
        })
        visibility.changed(id)
      }
      for (const id of await idsOf(
        'select session_id as id from studio.session_participant where user_id = $1',
        userId,
      ))
        await sessions.membership.leave(id, userId)
      await withTransaction(database, (client) => deleteTraces(client, userId))
      for (const id of await removeShares(database, userId)) visibility.changed(id)
      canceledIds.push(...(await deleteTasks(userId)))
      return [...new Set(canceledIds)]
    },
  }
}

/** Deletes references to a user from data owned by others. */
async function deleteTraces(client: PoolClient, userId: string): Promise<void> {
  const { rows: sessions } = await client.query<{ id: string }>(
    `select session_id as id from studio.session_message where author = $1 union
     select session_id from studio.session_card where added_by = $1 union
     select s.id from studio.session s join tidings.event e on e.topic = 'session:' || s.id
       where e.type in ('SessionParticipantJoined', 'SessionParticipantLeft')
       and (e.payload->'participant'->>'userId' = $1 or e.payload->>'userId' = $1)
     order by 1`,
    [userId],
  )
  // Before its topic, which a flush of these rows locks after them.
  await client.query('delete from studio.viewer_change where user_id = $1', [userId])
  // Topics before rows, and in the order of their names, as everywhere.
  for (const topic of [analyticsTopic(userId), inboxTopic(userId)]) await deleteTopic(client, topic)
  // Their events repeat messages and names; late subscribers receive a snapshot instead.
  for (const { id } of sessions) {
    await pruneTopic(client, sessionTopic(id))
  }
  await deleteTopic(client, viewerTopic(userId))
  await client.query(
    `update studio.session_message set author = $2, client_id = null, body = '', citations = '[]' where author = $1`,
    [userId, deletedUser],
  )
  for (const statement of [
    'delete from studio.session_card where added_by = $1',
    'delete from studio.session_link where created_by = $1',
    'delete from studio.session_removal where user_id = $1',
    'delete from studio.quiz_attempt where taker = $1',
    'delete from studio.notification where user_id = $1',
    'delete from studio.broadcast_read where user_id = $1',
    'delete from studio.inbox where user_id = $1',
    'delete from studio.analytics_topic where owner = $1',
  ])
    await client.query(statement, [userId])
  await forgetUser(client, userId)
}

async function removeShares(database: Database, userId: string): Promise<readonly string[]> {
  const { rows } = await database.pool.query<{ document_id: string }>(
    'delete from studio.document_share where user_id = $1 returning document_id',
    [userId],
  )
  return rows.map((row) => row.document_id)
}
