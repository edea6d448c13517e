import { print } from 'graphql'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  type AnalyticsEvent,
  type AnalyticsState,
  reduceAnalytics,
} from '../../../client/apps/analytics/reduce-analytics.ts'
import { AnalyticsUpdatesDocument, type AnalyticsUpdatesSubscription } from '../../../client/gql/graphql.ts'
import { migrate } from '../../../src/db/migrate.ts'
import { createAppender } from '../../../src/log/append.ts'
import { deleteTopic } from '../../../src/log/topic.ts'
import { silentLogger } from '../../../src/logger.ts'
import { createAnalytics } from '../../../src/studio/analytics/analytics.ts'
import { createProjector, type Projector } from '../../../src/studio/analytics/projector.ts'
import { rebuildAnalytics } from '../../../src/studio/analytics/rebuild.ts'
import { studioMigrations } from '../../../src/studio/migrations.ts'
import type { Viewer } from '../../../src/tasks/model/viewer.ts'
import { viewerOf } from '../../support/api.ts'
import { createLegacyDatabase } from '../../support/legacy-database.ts'
import { type QuizApi, startQuizApi } from '../quizzes/quiz-api.ts'

let api: QuizApi
let projectors: readonly Projector[]
const createOne = (everyMs: number): Projector =>
  createProjector({ database: api.database, appender: api.engine.appender, logger: silentLogger, everyMs })
beforeAll(async () => {
  api = await startQuizApi()
  // Two, as of two servers. Their period is so long that only tests make them count.
  projectors = [createOne(3_600_000), createOne(3_600_000)]
})
afterAll(async () => {
  for (const projector of projectors) await projector[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})
afterEach(() => {
  api.questions.script = () => 'ask'
  api.questions.release()
})

const count = async (): Promise<void> => {
  await Promise.all(projectors.map((projector) => projector.run()))
  // Work that one had in progress when the other looked.
  await projectors[0]?.run()
}
const subscription = print(AnalyticsUpdatesDocument)
const catchUp = async (viewer: Viewer, after?: string): Promise<AnalyticsEvent[]> => {
  const events: AnalyticsEvent[] = []
  const variables = after === undefined ? {} : { after }
  for await (const data of api.watch(subscription, variables, { viewer, catchUp: true }))
    events.push((data as AnalyticsUpdatesSubscription).analyticsUpdates)
  return events
}
const snapshot = async (viewer: Viewer): Promise<AnalyticsState> => {
  const [event] = await catchUp(viewer)
  if (event?.__typename !== 'AnalyticsSnapshot') throw new Error('The first is not a snapshot')
  return event.analytics
}
let users = 0
const someone = (): Viewer => viewerOf(`u_${++users}`)
const replace = async (questionId: string, viewer: Viewer): Promise<string> =>
  api.end((await api.replace(questionId, undefined, viewer)).task.id)
const accept = (id: string, accepted: boolean, viewer: Viewer) =>
  api.change('acceptQuestion(input: { questionId: $id, accepted: $accepted })', { id, accepted }, viewer)
const first = <T>(list: readonly T[]): T => {
  const [one] = list
  if (one === undefined) throw new Error('There is none')
  return one
}
/**
 * Creates some of everything: a quiz, replacements, one of them failed, acceptances withdrawn in
 * three ways, a canceled quiz.
 */
async function work(viewer: Viewer): Promise<void> {
  const quiz = await api.makeQuiz({ viewer, count: 4 })
  const [one, two, three, four] = quiz.questions.map(({ id }) => id)
  if (one === undefined || two === undefined || three === undefined || four === undefined) throw new Error('Too few')
  for (const id of [one, two, three, four]) await accept(id, true, viewer)
  await replace(one, viewer)
  await accept(two, false, viewer)
  await accept(four, true, viewer)
  await api.change('undoQuestion(input: { questionId: $id })', { id: one }, viewer)
  await replace(three, viewer)
  api.questions.script = () => 'fail'
  await replace(two, viewer)
  api.questions.script = (_, made) => (made === 1 ? 'wait' : 'ask')
  const canceled = await api.startQuiz({ viewer, count: 3 })
  await vi.waitFor(async () => expect((await api.quiz(canceled.quizId, viewer)).questions).toHaveLength(1))
  await api.run(
    'mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }',
    { id: canceled.taskId },
    viewer,
  )
  api.questions.script = () => 'ask'
}

describe('figures', () => {
  it('are zero before anything was generated, and never include data of other users', async () => {
    const viewer = someone()
    expect(await snapshot(viewer)).toMatchObject({
      totals: { generatedCount: 0, replacedCount: 0, acceptedCount: 0, medianMs: null, p90Ms: null, failureRate: null },
      documents: [],
      hours: [],
      questions: [],
    })
    await api.makeQuiz({ viewer: someone(), count: 2 })
    await count()
    expect((await snapshot(viewer)).totals).toMatchObject({ generatedCount: 0, tasks: { completed: 0 } })
  })

  it('count what tasks and reviews have logged, per document and in total', async () => {
    const viewer = someone()
    await work(viewer)
    await count()
    const { totals, documents, hours, questions } = await snapshot(viewer)
    expect(totals).toMatchObject({
      generatedCount: 5,
      replacedCount: 2,
      // The first by undoing, and the fourth; the third was replaced, the second withdrawn.
      acceptedCount: 2,
      failureRate: 1 / 4,
      tasks: { queued: 0, running: 0, retrying: 0, completed: 3, failed: 1, canceled: 1 },
    })
    expect(documents).toHaveLength(2)
    expect(documents.map(({ title, figures }) => [title, figures.generatedCount, figures.replacedCount])).toEqual([
      ['Bread', 1, 0],
      ['Bread', 4, 2],
    ])
    expect(hours.reduce((sum, hour) => sum + hour.generatedCount + hour.replacedCount, 0)).toBe(7)
    expect(questions.map(({ origin }) => origin).sort()).toEqual([
      ...Array(5).fill('GENERATED'),
      ...Array(2).fill('REPLACED'),
    ])
    const sorted = questions.map(({ durationMs }) => durationMs ?? Number.NaN).sort((a, b) => a - b)
    expect(totals.medianMs).toBe(sorted[3])
    expect(totals.p90Ms).toBeGreaterThanOrEqual(totals.medianMs ?? Number.NaN)
    const query: { analytics: { totals: object } } = await api.run(
      '{ analytics { cursor totals { generatedCount acceptedCount } } }',
      {},
      viewer,
    )
    expect(query.analytics.totals).toEqual({ generatedCount: 5, acceptedCount: 2 })
  })

  it('change while a quiz is generated, and merging the changes gives the state of a snapshot', async () => {
    const viewer = someone()
    let merged: AnalyticsState | undefined
    const seen: number[] = []
    const watching = (async () => {
      for await (const data of api.watch(subscription, {}, { viewer })) {
        merged = reduceAnalytics(merged, (data as AnalyticsUpdatesSubscription).analyticsUpdates)
        seen.push(merged.totals.generatedCount)
        if (merged.totals.acceptedCount === 1) return
      }
    })()
    await vi.waitFor(() => expect(seen).toEqual([0]))
    let made = 0
    api.questions.script = () => (made++ === 2 ? 'wait' : 'ask')
    const { quizId, taskId } = await api.startQuiz({ viewer, count: 4 })
    await vi.waitFor(async () => expect((await api.quiz(quizId, viewer)).questions).toHaveLength(2))
    await count()
    await vi.waitFor(() => expect(merged?.totals).toMatchObject({ generatedCount: 2, tasks: { running: 1 } }))
    api.questions.release()
    await api.end(taskId)
    await count()
    await accept(first((await api.quiz(quizId, viewer)).questions).id, true, viewer)
    await count()
    await watching
    expect(merged?.totals).toMatchObject({ generatedCount: 4, acceptedCount: 1, tasks: { running: 0, completed: 1 } })
    expect(merged).toEqual(await snapshot(viewer))
  })

  it('omit a task whose events are deleted before its end is counted, and keep one that was counted to its end', async () => {
    const viewer = someone()
    await api.makeQuiz({ viewer, count: 2 })
    await count()
    let made = 0
    api.questions.script = () => (made++ === 1 ? 'wait' : 'ask')
    const { quizId, taskId } = await api.startQuiz({ viewer, count: 2 })
    await vi.waitFor(async () => expect((await api.quiz(quizId, viewer)).questions).toHaveLength(1))
    await count()
    expect((await snapshot(viewer)).totals).toMatchObject({ generatedCount: 3, tasks: { running: 1, completed: 1 } })
    api.questions.release()
    await api.end(taskId)
    const { rows } = await api.database.pool.query<{ topic: string }>(
      `select topic from studio.analytics_topic where owner = $1 and kind = 'GENERATE_QUIZ'`,
      [viewer.userId],
    )
    expect(rows).toHaveLength(2)
    for (const { topic } of rows) await deleteTopic(api.database.pool, topic)
    await count()
    expect((await snapshot(viewer)).totals).toMatchObject({ generatedCount: 2, tasks: { running: 0, completed: 1 } })
  })

  it('are not available to scoped tokens', async () => {
    const limited = viewerOf('u_limited', { taskIds: ['task_1'] })
    await expect(catchUp(limited)).rejects.toThrow('limited to task "task_1"')
    await expect(api.run('{ analytics { cursor } }', {}, limited)).rejects.toThrow('limited to task "task_1"')
  })

  it('are resumed after a cursor with exactly the events that follow', async () => {
    const viewer = someone()
    const [opened] = await catchUp(viewer)
    const quiz = await api.makeQuiz({ viewer, count: 2 })
    await count()
    const one = await catchUp(viewer, opened?.cursor)
    await accept(first(quiz.questions).id, true, viewer)
    await count()
    const two = await catchUp(viewer, one.at(-1)?.cursor)
    expect([...one, ...two].map(({ __typename }) => __typename)).toEqual(
      Array(one.length + two.length).fill('AnalyticsChanged'),
    )
    expect(two).toHaveLength(1)
    let merged: AnalyticsState | undefined
    for (const event of [opened, ...one, ...two]) if (event !== undefined) merged = reduceAnalytics(merged, event)
    expect(merged).toEqual(await snapshot(viewer))
    expect(await catchUp(viewer, two.at(-1)?.cursor)).toEqual([])
  })

  it('count nothing twice when a step is interrupted or when several projectors run at once', async () => {
    const viewer = someone()
    await api.makeQuiz({ viewer, count: 3 })
    await api.database.pool.query(`
      create function break_off() returns trigger language plpgsql as $$ begin
        raise exception 'in the middle' using errcode = '40001';
      end $$;
      create trigger break_off before update on studio.analytics_topic for each row when (new.seq > old.seq) execute function break_off()`)
    await expect(projectors[0]?.run()).rejects.toThrow('in the middle')
    await api.database.pool.query('drop trigger break_off on studio.analytics_topic; drop function break_off()')
    expect((await snapshot(viewer)).totals.generatedCount).toBe(0)
    await using more = new AsyncDisposableStack()
    const many = Array.from({ length: 4 }, () => more.use(createOne(3_600_000)))
    await Promise.all(many.flatMap((projector) => [projector.run(), projector.run()]))
    await count()
    await count()
    expect(await snapshot(viewer)).toMatchObject({ totals: { generatedCount: 3, tasks: { completed: 1 } } })
    // Every published event, once: the seqs are those of the log.
    const events = await catchUp(viewer)
    expect(events).toHaveLength(1)
  })

  it('show work on several documents that several projectors count at once', async () => {
    const viewer = someone()
    await Promise.all(Array.from({ length: 4 }, () => api.makeQuiz({ viewer, count: 2 })))
    const [opened] = await catchUp(viewer)
    await count()
    const { totals, documents } = await snapshot(viewer)
    expect(totals).toMatchObject({ generatedCount: 8, tasks: { completed: 4 } })
    expect(documents.map(({ figures }) => figures.generatedCount)).toEqual([2, 2, 2, 2])
    let merged: AnalyticsState | undefined
    for (const event of [opened, ...(await catchUp(viewer, opened?.cursor))])
      if (event !== undefined) merged = reduceAnalytics(merged, event)
    expect(merged).toEqual(await snapshot(viewer))
  })
})

describe('a rebuild', () => {
  const rebuild = () => rebuildAnalytics({ database: api.database, appender: api.engine.appender })

  it('gives the totals that were counted live, also from nothing', async () => {
    const viewer = someone()
    await work(viewer)
    await count()
    const live = await snapshot(viewer)
    expect((await rebuild()).counted).toBeGreaterThan(5)
    expect(await snapshot(viewer)).toEqual(live)
    // Half of it is incorrect, and the other half is deleted.
    await api.database.pool.query(`update studio.analytics_question set completed_at = null where question_id < 'question_01'
      or random() < 0.5; update studio.analytics_review set is_accepted = not is_accepted`)
    await rebuild()
    expect(await snapshot(viewer)).toEqual(live)
    await api.database.pool.query('truncate studio.analytics_topic cascade')
    await rebuild()
    expect(await snapshot(viewer)).toEqual(live)
  })

  it('notifies subscribers of its corrections', async () => {
    const viewer = someone()
    await api.makeQuiz({ viewer, count: 2 })
    await count()
    await api.database.pool.query('delete from studio.analytics_question where owner = $1', [viewer.userId])
    const [wrong] = await catchUp(viewer)
    await rebuild()
    let merged: AnalyticsState | undefined
    for (const event of [wrong, ...(await catchUp(viewer, wrong?.cursor))])
      if (event !== undefined) merged = reduceAnalytics(merged, event)
    expect(merged?.totals.generatedCount).toBe(2)
    expect(merged).toEqual(await snapshot(viewer))
  })

  it('keeps the totals counted from deleted logs, and the state of tasks that were not counted', async () => {
    const viewer = someone()
    const counted = await api.makeQuiz({ viewer, count: 2 })
    await accept(first(counted.questions).id, true, viewer)
    await count()
    const before = await snapshot(viewer)
    await api.makeQuiz({ viewer, count: 3 })
    await api.database.pool.query(
      'delete from tidings.event where topic in (select topic from studio.analytics_topic where owner = $1)',
      [viewer.userId],
    )
    await api.database.pool.query(
      'update tidings.topic set pruned_seq = seq where name in (select topic from studio.analytics_topic where owner = $1)',
      [viewer.userId],
    )
    expect((await rebuild()).kept).toBeGreaterThan(0)
    await count()
    const after = await snapshot(viewer)
    expect(after.totals).toEqual({ ...before.totals, tasks: { ...before.totals.tasks, completed: 2 } })
    expect(after.questions).toEqual(before.questions)
  })
})

it('counts what existed before analytics were introduced', async () => {
  await using older = await createLegacyDatabase()
  const { database } = older
  await older.migrateBefore('0006')
  await database.pool.query(`
    insert into quiz (id, owner, title, status, requested_count, kinds) values ('quiz_1', 'u_1', 'Old', 'DRAFT', 2, '{CLOZE}');
    insert into question (id, quiz_id, position, version) values ('question_1', 'quiz_1', 1, 1), ('question_2', 'quiz_1', 2, 1);
    insert into question_version (question_id, version, origin, body, accepted_at)
      values ('question_1', 1, 'GENERATED', '{}', now()), ('question_2', 1, 'GENERATED', '{}', null);
    insert into topic (name, seq, closed) values ('task:task_1', 3, true);
    insert into event (topic, seq, type, at, payload) values
      ('task:task_1', 1, 'TaskItemStarted', now() - interval '3 s', '{"item": {"key": "question_1", "status": "RUNNING"}}'),
      ('task:task_1', 2, 'TaskItemCompleted', now() - interval '1 s', '{"item": {"key": "question_1", "status": "COMPLETED"}}'),
      ('task:task_1', 3, 'TaskCompleted', now(), '{"status": "COMPLETED"}');
    insert into task (id, kind, status, owner, subject, input, max_attempts, progress, queue_key, created_at)
      values ('task_1', 'GENERATE_QUIZ', 'COMPLETED', 'u_1', 'quiz_1', '{"documentId": "document_1"}', 1, '{}', now(), now())`)
  await migrate(database, silentLogger)
  await migrate(database, silentLogger, studioMigrations)
  await using appender = createAppender({ database, logger: silentLogger, publish: () => undefined })
  await using projector = createProjector({ database, appender, logger: silentLogger, everyMs: 3_600_000 })
  await projector.run()
  const found = await createAnalytics({ database }).snapshot('u_1')
  expect(found?.state.totals).toMatchObject({
    generatedCount: 1,
    acceptedCount: 1,
    medianMs: 2_000,
    tasks: { completed: 1 },
  })
  expect(found?.state.documents).toMatchObject([{ documentId: 'document_1', title: 'Old' }])
})
