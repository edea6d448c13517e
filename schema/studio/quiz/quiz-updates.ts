import type { TaskStatus } from '../../../src/engine.ts'
import {
  type QuestionCause,
  type QuestionState,
  type QuizState,
  quizTopic,
  readQuizState,
} from '../../../src/studio/quizzes/updates.ts'
import { findOwn, type LoggedEvent, promised, readLogged, refuseAsMissing, subscribeToTopic } from '../../index.ts'
import { builder, defineTopicEvents, taskStatus } from '../builder.ts'
import { questionRef } from '../refs.ts'
import { quizStatus } from './quiz.ts'

const questionStateRef = builder.objectRef<QuestionState>('QuizQuestionState').implement({
  description: 'The current state of one question of a quiz.',
  fields: (t) => ({
    questionId: t.exposeID('questionId', { description: 'The question.' }),
    version: t.exposeInt('version', { description: '`Question.version`' }),
    isAccepted: t.exposeBoolean('isAccepted', { description: 'Whether the question is accepted for publication.' }),
  }),
})
type ActiveTask = QuizState['activeTasks'][number]
const activeTaskRef = builder.objectRef<ActiveTask>('QuizActiveTask').implement({
  description: 'A task that works on a quiz.',
  fields: (t) => ({
    taskId: t.exposeID('taskId', { description: 'The task; subscribe to it with `taskProgress`.' }),
    replacedQuestionId: t.exposeID('questionId', {
      nullable: true,
      description: 'The question it replaces; null for the task that generates the quiz.',
    }),
  }),
})
const questionCause = builder.enumType('QuizQuestionCause', {
  description: 'The cause of a change to a question.',
  values: {
    GENERATED: { description: 'The question was generated.' },
    REPLACED: { description: 'A task has replaced the question.' },
    EDITED: { description: 'The owner edited the question.' },
    RESTORED: { description: 'The owner restored the previous version.' },
    ACCEPTED: { description: 'The owner accepted the question.' },
    UNACCEPTED: { description: 'The owner revoked the acceptance.' },
  } as const,
})

interface EventSource extends LoggedEvent<QuizState> {
  readonly quizId: string
}
const {
  event: quizEvent,
  eventRef,
  snapshotRef,
} = defineTopicEvents<EventSource>('QuizEvent', {
  description: 'An event of a quiz. New event types may be added: select `__typename` and keep a default branch.',
  seq: '1, 2, 3 … without gaps; QuizSnapshot repeats the last number.',
  unknown: 'QuizOther',
})
builder.interfaceField(quizEvent, 'quizId', (t) => t.exposeID('quizId', { description: 'The quiz.' }))
const interfaces = [quizEvent]
const taskIdOf = ({ payload }: EventSource): string => String(payload['taskId'])
const questionIdOf = ({ payload }: EventSource): string | null => (payload['questionId'] ?? null) as string | null

snapshotRef('QuizSnapshot').implement({
  description: 'The state of the quiz at `cursor`. Replaces everything received before.',
  interfaces,
  fields: (t) => ({
    quizStatus: t.field({
      type: quizStatus,
      description: 'The status of the quiz.',
      resolve: (event) => promised(event.snapshot, event).status,
    }),
    questions: t.field({
      type: [questionStateRef],
      description: 'The generated questions in order.',
      resolve: (event) => [...promised(event.snapshot, event).questions],
    }),
    activeTasks: t.field({
      type: [activeTaskRef],
      description: 'The active tasks, oldest first.',
      resolve: (event) => [...promised(event.snapshot, event).activeTasks],
    }),
  }),
})
eventRef('QuizTaskStarted').implement({
  description: 'A task of the quiz was started; subscribe to it with `taskProgress`.',
  interfaces,
  fields: (t) => ({
    taskId: t.id({ description: 'The task.', resolve: taskIdOf }),
    replacedQuestionId: t.id({
      nullable: true,
      description: 'The question it replaces; null for the task that generates the quiz.',
      resolve: questionIdOf,
    }),
  }),
})
eventRef('QuizTaskEnded').implement({
  description: 'A task of the quiz completed, failed or was canceled.',
  interfaces,
  fields: (t) => ({
    taskId: t.id({ description: 'The task.', resolve: taskIdOf }),
    replacedQuestionId: t.id({
      nullable: true,
      description: 'The question it replaces; null for the task that generates the quiz.',
      resolve: questionIdOf,
    }),
    taskStatus: t.field({
      type: taskStatus,
      description: 'The final status.',
      resolve: ({ payload }) => payload['status'] as TaskStatus,
    }),
  }),
})
eventRef('QuizQuestionChanged').implement({
  description: 'A question was generated, replaced, edited, restored, or its acceptance has changed.',
  interfaces,
  fields: (t) => ({
    questionId: t.id({ description: 'The question.', resolve: (event) => String(questionIdOf(event)) }),
    cause: t.field({
      type: questionCause,
      description: 'The cause of the change.',
      resolve: ({ payload }) => payload['cause'] as QuestionCause,
    }),
    version: t.int({
      description: '`Question.version` after this event.',
      resolve: ({ payload }) => payload['version'] as number,
    }),
    isAccepted: t.boolean({
      description: 'Whether the question is accepted after this event.',
      resolve: ({ payload }) => payload['isAccepted'] === true,
    }),
    question: t.field({
      type: questionRef,
      nullable: true,
      description: 'The question as it is now, which may be newer than this event; null after it was deleted.',
      resolve: (event, _, { loaders }) => loaders.question.load(String(questionIdOf(event))),
    }),
  }),
})
eventRef('QuizReordered').implement({
  description: 'A question was moved.',
  interfaces,
  fields: (t) => ({
    questionIds: t.idList({
      description: 'All questions in their new order.',
      resolve: ({ payload }) => (payload['questionIds'] ?? []) as string[],
    }),
  }),
})
eventRef('QuizStatusChanged').implement({
  description: 'The status of the quiz has changed.',
  interfaces,
  fields: (t) => ({
    quizStatus: t.field({
      type: quizStatus,
      description: 'The status after this event.',
      resolve: ({ payload }) => payload['status'] as QuizState['status'],
    }),
  }),
})
eventRef('QuizDeleted').implement({ description: 'The quiz was deleted. The terminal event.', interfaces })
eventRef('QuizOther').implement({
  description: 'An event of a type that this version does not have.',
  interfaces,
  fields: (t) => ({ type: t.string({ description: 'The event’s type.', resolve: ({ type }) => type }) }),
})

builder.subscriptionField('quizUpdates', (t) =>
  t.field({
    type: quizEvent,
    description: `All changes to a quiz under review, in any tab: tasks that start and end, each question, its acceptance and position, publication.

Without \`after\`: a snapshot first, then later events. With \`after\`: exactly the events after that cursor.
Completes after QuizDeleted. The progress of a task is in \`taskProgress\`.`,
    args: {
      quizId: t.arg.id({ required: true, description: 'A quiz of the viewer.' }),
      after: t.arg({ type: 'Cursor', description: 'The cursor of the last received event.' }),
    },
    ...subscribeToTopic<{ readonly quizId: string }, QuizState, EventSource>(async ({ quizId }, context) => {
      const quiz = await findOwn(context, context.loaders.quiz, String(quizId))
      const { id } = quiz ?? refuseAsMissing('quiz', String(quizId))
      return {
        topic: quizTopic(id),
        snapshot: () => readQuizState(context.engine.database, id),
        isLast: ({ type }) => type === 'QuizDeleted',
        read: (update, position) => ({ ...readLogged(update, position, 'QuizSnapshot'), quizId: id }),
      }
    }),
  }),
)
