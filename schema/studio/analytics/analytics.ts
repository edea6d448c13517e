import { formatCursor } from '../../../src/engine.ts'
import { analyticsTopic } from '../../../src/studio/analytics/analytics.ts'
import type {
  AnalyticsState,
  DocumentFigures,
  Figures,
  HourFigures,
  QuestionTiming,
  TaskCounts,
} from '../../../src/studio/analytics/state.ts'
import { type Context, requireViewer, subscribeToTopic, type TopicEvent } from '../../index.ts'
import { builder, snapshotReason } from '../builder.ts'

const taskCounts = builder.objectRef<TaskCounts>('TaskCounts').implement({
  description: 'The number of tasks per status.',
  fields: (t) => ({
    queued: t.exposeInt('queued', { description: 'The number of QUEUED tasks.' }),
    running: t.exposeInt('running', { description: 'The number of RUNNING tasks.' }),
    retrying: t.exposeInt('retrying', { description: 'The number of RETRYING tasks.' }),
    completed: t.exposeInt('completed', { description: 'The number of COMPLETED tasks.' }),
    failed: t.exposeInt('failed', { description: 'The number of FAILED tasks.' }),
    canceled: t.exposeInt('canceled', { description: 'The number of CANCELED tasks.' }),
  }),
})

const figures = builder.objectRef<Figures>('AnalyticsFigures').implement({
  description: 'Figures about generating and reviewing quizzes.',
  fields: (t) => ({
    generatedCount: t.exposeInt('generatedCount', { description: 'Questions generated for quizzes.' }),
    replacedCount: t.exposeInt('replacedCount', { description: 'Questions generated as replacements.' }),
    acceptedCount: t.exposeInt('acceptedCount', {
      description: 'Questions that are currently accepted.',
    }),
    medianMs: t.exposeInt('medianMs', {
      nullable: true,
      description:
        'Median time to generate a question in milliseconds, over the last 1,000 questions; null before the first.',
    }),
    p90Ms: t.exposeInt('p90Ms', {
      nullable: true,
      description: '90th percentile of the same times, in milliseconds.',
    }),
    failureRate: t.exposeFloat('failureRate', {
      nullable: true,
      description: 'Failed tasks as a share of completed and failed ones, 0 to 1; null before the first.',
    }),
    tasks: t.field({
      type: taskCounts,
      description: 'Tasks that generate quizzes or replace questions.',
      resolve: ({ tasks }) => tasks,
    }),
  }),
})

const documentFigures = builder.objectRef<DocumentFigures>('DocumentAnalytics').implement({
  description: 'The figures of one document. They are kept after the document is deleted.',
  fields: (t) => ({
    documentId: t.exposeID('documentId', { description: 'The document, which may have been deleted.' }),
    title: t.exposeString('title', { description: 'The document’s title when its last quiz was generated.' }),
    lastAt: t.field({
      type: 'DateTime',
      description: 'The time of the last activity.',
      resolve: ({ lastAt }) => lastAt,
    }),
    figures: t.field({ type: figures, description: 'The figures.', resolve: (source) => source }),
  }),
})

const hourFigures = builder.objectRef<HourFigures>('AnalyticsHour').implement({
  description: 'The questions completed within one hour.',
  fields: (t) => ({
    hour: t.field({ type: 'DateTime', description: 'The start of the hour.', resolve: ({ hour }) => hour }),
    generatedCount: t.exposeInt('generatedCount', { description: 'Questions generated for quizzes.' }),
    replacedCount: t.exposeInt('replacedCount', { description: 'Questions generated as replacements.' }),
  }),
})

const questionOrigin = builder.enumType('MadeQuestionOrigin', {
  description: 'The purpose of generating a question.',
  values: {
    GENERATED: { description: 'A new quiz.' },
    REPLACED: { description: 'The replacement of a question.' },
  } as const,
})
const timing = builder.objectRef<QuestionTiming>('QuestionTiming').implement({
  description: 'The time to generate one question.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of this entry.' }),
    documentId: t.exposeID('documentId', { description: 'The source document.' }),
    origin: t.field({ type: questionOrigin, description: 'The purpose.', resolve: ({ origin }) => origin }),
    at: t.field({ type: 'DateTime', description: 'When the question was completed.', resolve: ({ at }) => at }),
    durationMs: t.exposeInt('durationMs', {
      nullable: true,
      description: 'Milliseconds from the start of the question to its completion; null when unknown.',
    }),
  }),
})

interface AnalyticsSource {
  readonly cursor: string
  readonly state: AnalyticsState
}
const analytics = builder.objectRef<AnalyticsSource>('Analytics').implement({
  description: 'The viewer’s statistics about generating and reviewing quizzes.',
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Pass it to `analyticsUpdates` as `after` to receive later changes.',
      resolve: ({ cursor }) => cursor,
    }),
    totals: t.field({
      type: figures,
      description: 'The figures over all documents.',
      resolve: ({ state }) => state.totals,
    }),
    documents: t.field({
      type: [documentFigures],
      description: 'The figures per document, most recently changed first; at most 200.',
      resolve: ({ state }) => state.documents,
    }),
    hours: t.field({
      type: [hourFigures],
      description: 'The hours of the last 30 days in which questions were generated, oldest first.',
      resolve: ({ state }) => state.hours,
    }),
    questions: t.field({
      type: [timing],
      description: 'The last 200 questions, in the order in which they were completed.',
      resolve: ({ state }) => state.questions,
    }),
  }),
})

interface EventSource extends AnalyticsSource, TopicEvent {
  readonly type: 'AnalyticsSnapshot' | 'AnalyticsChanged'
}
const analyticsEvent = builder.interfaceRef<EventSource>('AnalyticsEvent').implement({
  description: 'An event of the viewer’s figures.',
  resolveType: ({ type }) => type,
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Pass it back as `after` to receive the events after this one.',
      resolve: ({ cursor }) => cursor,
    }),
    at: t.field({ type: 'DateTime', description: 'When the event was published.', resolve: ({ at }) => at }),
  }),
})
builder.objectRef<EventSource>('AnalyticsSnapshot').implement({
  description: 'All figures. Replaces everything received before.',
  interfaces: [analyticsEvent],
  fields: (t) => ({
    analytics: t.field({ type: analytics, description: 'All figures.', resolve: (source) => source }),
    reason: t.field({
      type: snapshotReason,
      description: 'Why the snapshot was sent.',
      resolve: ({ reason }) => reason ?? 'SUBSCRIBED',
    }),
  }),
})
builder.objectRef<EventSource>('AnalyticsChanged').implement({
  description:
    'The parts of the figures that have changed, with their current values. Merge them into the known figures by the keys named here.',
  interfaces: [analyticsEvent],
  fields: (t) => ({
    totals: t.field({
      type: figures,
      description: 'Replaces the previous totals.',
      resolve: ({ state }) => state.totals,
    }),
    documents: t.field({
      type: [documentFigures],
      description: 'Each replaces the entry with the same `documentId`.',
      resolve: ({ state }) => state.documents,
    }),
    hours: t.field({
      type: [hourFigures],
      description: 'Each replaces the entry with the same `hour`.',
      resolve: ({ state }) => state.hours,
    }),
    questions: t.field({
      type: [timing],
      description: 'Each replaces the entry with the same `id`, or is added.',
      resolve: ({ state }) => state.questions,
    }),
  }),
})

async function readSnapshot(context: Context, owner: string) {
  await context.analytics.open(owner)
  return context.analytics.snapshot(owner)
}

builder.queryField('analytics', (t) =>
  t.field({
    type: analytics,
    description: 'The viewer’s statistics about quizzes, consistent with each other.',
    resolve: async (_, _args, context) => {
      const { userId: owner } = requireViewer(context)
      const currentState = await readSnapshot(context, owner)
      if (currentState === null) throw new Error(`The figures of "${owner}" were not found`)
      const cursor = formatCursor(context.engine.reader.epoch, analyticsTopic(owner), currentState.seq)
      return { cursor, state: currentState.state }
    },
  }),
)

builder.subscriptionField('analyticsUpdates', (t) =>
  t.field({
    type: analyticsEvent,
    description: `The events of the viewer’s figures, in order, each exactly once; never completes.

Without \`after\`: a snapshot first, then later events. With \`after\`: exactly the events after that cursor.
An AnalyticsSnapshot with its \`reason\` replaces events that cannot be replayed.`,
    args: {
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last received event or snapshot.' }),
    },
    ...subscribeToTopic<object, AnalyticsState, EventSource>(async (_, context) => {
      const { userId: owner } = requireViewer(context)
      return {
        topic: analyticsTopic(owner),
        create: () => context.analytics.open(owner),
        snapshot: () => context.analytics.snapshot(owner),
        read: (update, position) =>
          update.is === 'event'
            ? { ...position, type: 'AnalyticsChanged', state: update.event.payload as unknown as AnalyticsState }
            : { ...position, type: 'AnalyticsSnapshot', state: update.state, reason: update.reason },
      }
    }),
  }),
)
