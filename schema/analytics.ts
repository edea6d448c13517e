import { formatCursor } from '../src/log/cursor.ts'
import { analyticsTopic } from '../src/studio/analytics/analytics.ts'
import type {
  AnalyticsState,
  DocumentFigures,
  Figures,
  HourFigures,
  QuestionTiming,
  TaskCounts,
} from '../src/studio/analytics/state.ts'
import { builder, requireViewer } from './builder.ts'
import type { Context } from './context.ts'
import { snapshotReason, type TopicEvent } from './topic-event.ts'
import { subscribeToTopic } from './topic-subscription.ts'

const taskCounts = builder.objectRef<TaskCounts>('TaskCounts').implement({
  description: 'Tasks by their state.',
  fields: (t) => ({
    queued: t.exposeInt('queued', { description: 'QUEUED.' }),
    running: t.exposeInt('running', { description: 'RUNNING.' }),
    retrying: t.exposeInt('retrying', { description: 'RETRYING.' }),
    completed: t.exposeInt('completed', { description: 'COMPLETED.' }),
    failed: t.exposeInt('failed', { description: 'FAILED.' }),
    canceled: t.exposeInt('canceled', { description: 'CANCELED.' }),
  }),
})

const figures = builder.objectRef<Figures>('AnalyticsFigures').implement({
  description: 'What is counted of making and reviewing quizzes.',
  fields: (t) => ({
    generatedCount: t.exposeInt('generatedCount', { description: 'Questions made for quizzes.' }),
    replacedCount: t.exposeInt('replacedCount', { description: 'Questions that took the place of another.' }),
    acceptedCount: t.exposeInt('acceptedCount', {
      description: 'Accepted questions: places of quizzes in which one stands now.',
    }),
    medianMs: t.exposeInt('medianMs', {
      nullable: true,
      description:
        'Milliseconds that half of the last 1,000 questions took at most, from the start of each until it could be read; null before the first.',
    }),
    p90Ms: t.exposeInt('p90Ms', {
      nullable: true,
      description: 'Milliseconds that nine in ten of them took at most.',
    }),
    failureRate: t.exposeFloat('failureRate', {
      nullable: true,
      description: 'Failed tasks as a part of those that completed or failed, 0 to 1; null before the first.',
    }),
    tasks: t.field({
      type: taskCounts,
      description: 'Tasks that make quizzes or replace questions.',
      resolve: ({ tasks }) => tasks,
    }),
  }),
})

const documentFigures = builder.objectRef<DocumentFigures>('DocumentAnalytics').implement({
  description: 'The figures of one document. They outlive it.',
  fields: (t) => ({
    documentId: t.exposeID('documentId', { description: 'The document, which may be deleted by now.' }),
    title: t.exposeString('title', { description: 'Its title, as it was when a quiz was made of it last.' }),
    lastAt: t.field({
      type: 'DateTime',
      description: 'When something was counted last.',
      resolve: ({ lastAt }) => lastAt,
    }),
    figures: t.field({ type: figures, description: 'What was counted.', resolve: (source) => source }),
  }),
})

const hourFigures = builder.objectRef<HourFigures>('AnalyticsHour').implement({
  description: 'The questions that were ready within one hour.',
  fields: (t) => ({
    hour: t.field({ type: 'DateTime', description: 'When the hour begins.', resolve: ({ hour }) => hour }),
    generatedCount: t.exposeInt('generatedCount', { description: 'Questions made for quizzes.' }),
    replacedCount: t.exposeInt('replacedCount', { description: 'Questions that took the place of another.' }),
  }),
})

const questionOrigin = builder.enumType('MadeQuestionOrigin', {
  description: 'What a question was made for.',
  values: {
    GENERATED: { description: 'For a quiz.' },
    REPLACED: { description: 'To take the place of another.' },
  } as const,
})
const timing = builder.objectRef<QuestionTiming>('QuestionTiming').implement({
  description: 'How long making one question took.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Of this making of the question.' }),
    documentId: t.exposeID('documentId', { description: 'What it was made of.' }),
    origin: t.field({ type: questionOrigin, description: 'What it was made for.', resolve: ({ origin }) => origin }),
    at: t.field({ type: 'DateTime', description: 'When it was ready.', resolve: ({ at }) => at }),
    durationMs: t.exposeInt('durationMs', {
      nullable: true,
      description: 'Milliseconds from its start; null when that is not known any more.',
    }),
  }),
})

interface AnalyticsSource {
  readonly cursor: string
  readonly state: AnalyticsState
}
const analytics = builder.objectRef<AnalyticsSource>('Analytics').implement({
  description: 'The viewer’s figures of making and reviewing quizzes.',
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Hand it to `analyticsUpdates` as `after` for what changes from here on.',
      resolve: ({ cursor }) => cursor,
    }),
    totals: t.field({ type: figures, description: 'Of all documents.', resolve: ({ state }) => state.totals }),
    documents: t.field({
      type: [documentFigures],
      description: 'Of each document, the one of which something was counted last first; at most 200.',
      resolve: ({ state }) => state.documents,
    }),
    hours: t.field({
      type: [hourFigures],
      description: 'Of the hours of the last 30 days in which questions were made, in order.',
      resolve: ({ state }) => state.hours,
    }),
    questions: t.field({
      type: [timing],
      description: 'The last 200 questions, in the order in which they were ready.',
      resolve: ({ state }) => state.questions,
    }),
  }),
})

interface EventSource extends AnalyticsSource, TopicEvent {
  readonly type: 'AnalyticsSnapshot' | 'AnalyticsChanged'
}
const analyticsEvent = builder.interfaceRef<EventSource>('AnalyticsEvent').implement({
  description: 'What happened to the viewer’s figures.',
  resolveType: ({ type }) => type,
  fields: (t) => ({
    cursor: t.field({
      type: 'Cursor',
      description: 'Hand it back as `after` to receive what follows this event.',
      resolve: ({ cursor }) => cursor,
    }),
    at: t.field({ type: 'DateTime', description: 'When it was told.', resolve: ({ at }) => at }),
  }),
})
builder.objectRef<EventSource>('AnalyticsSnapshot').implement({
  description: 'All figures, in place of events: begin anew from them.',
  interfaces: [analyticsEvent],
  fields: (t) => ({
    analytics: t.field({ type: analytics, description: 'All figures.', resolve: (source) => source }),
    reason: t.field({
      type: snapshotReason,
      description: 'Why it stands here.',
      resolve: ({ reason }) => reason ?? 'SUBSCRIBED',
    }),
  }),
})
builder.objectRef<EventSource>('AnalyticsChanged').implement({
  description:
    'What is no longer as it was, each part as it is now: merge it into what is known, by the keys named here.',
  interfaces: [analyticsEvent],
  fields: (t) => ({
    totals: t.field({
      type: figures,
      description: 'In place of the totals before.',
      resolve: ({ state }) => state.totals,
    }),
    documents: t.field({
      type: [documentFigures],
      description: 'Each in place of what was known of its `documentId`.',
      resolve: ({ state }) => state.documents,
    }),
    hours: t.field({
      type: [hourFigures],
      description: 'Each in place of what was known of its `hour`.',
      resolve: ({ state }) => state.hours,
    }),
    questions: t.field({
      type: [timing],
      description: 'Each beside those before, or in place of the one with its `id`.',
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
    description: 'The viewer’s figures of making and reviewing quizzes, all of one moment.',
    resolve: async (_, _args, context) => {
      const { userId: owner } = requireViewer(context)
      const found = await readSnapshot(context, owner)
      if (found === null) throw new Error(`The figures of "${owner}" were not found`)
      const cursor = formatCursor(context.engine.reader.epoch, analyticsTopic(owner), found.seq)
      return { cursor, state: found.state }
    },
  }),
)

builder.subscriptionField('analyticsUpdates', (t) =>
  t.field({
    type: analyticsEvent,
    description: `What happens to the viewer’s figures, in order, each event once; it goes on until one leaves.

Without \`after\`: a snapshot first, then what follows. With \`after\`: exactly what follows that cursor.
What cannot be replayed is said by an AnalyticsSnapshot with its \`reason\`.`,
    args: {
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last event, or snapshot, that was received.' }),
    },
    ...subscribeToTopic<object, AnalyticsState, EventSource>(async (_, context) => {
      const { userId: owner } = requireViewer(context)
      await context.analytics.open(owner)
      return {
        topic: analyticsTopic(owner),
        snapshot: () => context.analytics.snapshot(owner),
        read: (followed, place) =>
          followed.is === 'event'
            ? { ...place, type: 'AnalyticsChanged', state: followed.event.payload as unknown as AnalyticsState }
            : { ...place, type: 'AnalyticsSnapshot', state: followed.state, reason: followed.reason },
      }
    }),
  }),
)
