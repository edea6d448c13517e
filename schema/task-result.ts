import type { JsonObject } from '../src/db/tables.ts'
import type { StudioResult, StudioResultOf } from '../src/studio/task-results.ts'
import { builder } from './builder.ts'
import type { Context } from './context.ts'
import { leadOut } from './lead-out.ts'
import { conceptRef, contentPiece, documentRef, projectRef, questionRef, quizRef, roadmapRef } from './refs.ts'

type ConvertDocumentResult = StudioResultOf<'ConvertDocumentResult'>
type CreateRoadmapTaskResult = StudioResultOf<'CreateRoadmapResult'>
type RetryContentTaskResult = StudioResultOf<'RetryContentTaskResult'>
type RetryFailedContentTaskResult = StudioResultOf<'RetryFailedContentResult'>
type SelfTestResult = StudioResultOf<'SelfTestResult'>
type ProjectGenerated = StudioResultOf<'ProjectGenerated'>
type ProjectSynced = StudioResultOf<'ProjectSynced'>
type ReplyWritten = StudioResultOf<'ReplyWritten'>
type QuizGenerated = StudioResultOf<'QuizGenerated'>
type QuestionReplaced = StudioResultOf<'QuestionReplaced'>

const documentOutcome = builder.objectRef<ConvertDocumentResult>('DocumentConverted').implement({
  description: 'What CONVERT_DOCUMENT produced.',
  fields: (t) => ({
    documentId: t.exposeID('documentId', { description: 'The document, now READY.' }),
    document: t.field({
      type: documentRef,
      nullable: true,
      description: 'The document itself; null when it was deleted since.',
      ...leadOut(({ documentId }: ConvertDocumentResult, { loaders }) => loaders.document.load(documentId)),
    }),
    sectionCount: t.exposeInt('sectionCount', { description: 'How many sections it has.' }),
    wordCount: t.exposeInt('wordCount', { description: 'How many words it has.' }),
  }),
})
const roadmapOutcome = builder.objectRef<CreateRoadmapTaskResult>('RoadmapCreated').implement({
  description: 'What CREATE_ROADMAP produced.',
  fields: (t) => ({
    roadmapId: t.exposeID('roadmapId', { description: 'The roadmap.' }),
    roadmap: t.field({
      type: roadmapRef,
      nullable: true,
      description: 'The roadmap itself; null when it was deleted since.',
      ...leadOut(({ roadmapId }: CreateRoadmapTaskResult, { loaders }) => loaders.roadmap.load(roadmapId)),
    }),
    conceptCount: t.exposeInt('conceptCount', { description: 'How many concepts it has.' }),
    failedCount: t.exposeInt('failedCount', {
      description: 'Pieces that failed; `retryFailedContent` takes them up again.',
    }),
  }),
})
const contentOutcome = builder.objectRef<RetryContentTaskResult>('ContentRetried').implement({
  description: 'What RETRY_CONTENT produced.',
  fields: (t) => ({
    conceptId: t.exposeID('conceptId', { description: 'The concept.' }),
    concept: t.field({
      type: conceptRef,
      nullable: true,
      description: 'The concept with its new content; null when it was deleted since.',
      ...leadOut(({ conceptId }: RetryContentTaskResult, { loaders }) => loaders.concept.load(conceptId)),
    }),
    piece: t.field({ type: contentPiece, description: 'Which piece is new.', resolve: ({ piece }) => piece }),
  }),
})
const batchOutcome = builder.objectRef<RetryFailedContentTaskResult>('FailedContentRetried').implement({
  description: 'What RETRY_FAILED_CONTENT produced.',
  fields: (t) => ({
    roadmapId: t.exposeID('roadmapId', { description: 'The roadmap.' }),
    roadmap: t.field({
      type: roadmapRef,
      nullable: true,
      description: 'The roadmap itself; null when it was deleted since.',
      ...leadOut(({ roadmapId }: RetryFailedContentTaskResult, { loaders }) => loaders.roadmap.load(roadmapId)),
    }),
    completedCount: t.exposeInt('completedCount', { description: 'Pieces that were made.' }),
    failedCount: t.exposeInt('failedCount', { description: 'Pieces that failed again.' }),
  }),
})

const selfTestOutcome = builder.objectRef<SelfTestResult>('SelfTestCounted').implement({
  description: 'What SELF_TEST produced.',
  fields: (t) => ({ count: t.exposeInt('count', { description: 'How far it counted.' }) }),
})

const quizOutcome = builder.objectRef<QuizGenerated>('QuizGenerated').implement({
  description: 'What GENERATE_QUIZ produced.',
  fields: (t) => ({
    quizId: t.exposeID('quizId', { description: 'The quiz, now a DRAFT.' }),
    quiz: t.field({
      type: quizRef,
      nullable: true,
      description: 'The quiz itself; null when it was deleted since.',
      ...leadOut(({ quizId }: QuizGenerated, { loaders }) => loaders.quiz.load(quizId)),
    }),
    questionCount: t.exposeInt('questionCount', { description: 'How many questions it has.' }),
    requestedCount: t.exposeInt('requestedCount', { description: 'How many were asked for.' }),
    message: t.exposeString('message', {
      nullable: true,
      description: 'Why there are fewer than asked for; null when there are not.',
    }),
  }),
})
const questionOutcome = builder.objectRef<QuestionReplaced>('QuestionReplaced').implement({
  description: 'What REPLACE_QUESTION produced.',
  fields: (t) => ({
    questionId: t.exposeID('questionId', { description: 'The question’s place, which keeps its id.' }),
    question: t.field({
      type: questionRef,
      nullable: true,
      description: 'The question that now stands there; null when it was deleted since.',
      ...leadOut(({ questionId }: QuestionReplaced, { loaders }) => loaders.question.load(questionId)),
    }),
    version: t.exposeInt('version', { description: 'The version that this task put there.' }),
  }),
})

const projectOutcome = builder.objectRef<ProjectGenerated>('ProjectGenerated').implement({
  description: 'What GENERATE_PROJECT produced.',
  fields: (t) => ({
    projectId: t.exposeID('projectId', { description: 'The project, now READY.' }),
    project: t.field({
      type: projectRef,
      nullable: true,
      description: 'The project itself; null when it was deleted since.',
      ...leadOut(({ projectId }: ProjectGenerated, { loaders }) => loaders.project.load(projectId)),
    }),
    fileCount: t.exposeInt('fileCount', { description: 'How many files it has.' }),
  }),
})
const syncOutcome = builder.objectRef<ProjectSynced>('ProjectSynced').implement({
  description: 'What SYNC_PROJECT produced. Where files had problems it fails instead: see `TaskError.problems`.',
  fields: (t) => ({
    projectId: t.exposeID('projectId', { description: 'The project.' }),
    project: t.field({
      type: projectRef,
      nullable: true,
      description: 'The project itself; null when it was deleted since.',
      ...leadOut(({ projectId }: ProjectSynced, { loaders }) => loaders.project.load(projectId)),
    }),
    version: t.exposeInt('version', { description: 'The version that its preview shows.' }),
    writtenCount: t.exposeInt('writtenCount', { description: 'Files that were new or had changed.' }),
    removedCount: t.exposeInt('removedCount', { description: 'Files that were taken away.' }),
  }),
})
const replyOutcome = builder.objectRef<ReplyWritten>('ReplyWritten').implement({
  description: 'What REPLY produced. What it says is told in the session.',
  fields: (t) => ({
    sessionId: t.exposeID('sessionId', { description: 'The session.' }),
    messageId: t.exposeID('messageId', { description: 'The message that is the reply.' }),
  }),
})

const typeNames = {
  SelfTestResult: 'SelfTestCounted',
  ConvertDocumentResult: 'DocumentConverted',
  CreateRoadmapResult: 'RoadmapCreated',
  RetryContentTaskResult: 'ContentRetried',
  RetryFailedContentResult: 'FailedContentRetried',
  QuizGenerated: 'QuizGenerated',
  QuestionReplaced: 'QuestionReplaced',
  ProjectGenerated: 'ProjectGenerated',
  ProjectSynced: 'ProjectSynced',
  ReplyWritten: 'ReplyWritten',
} as const satisfies Record<StudioResult['type'], string>

/** `TaskResult`: one member for each kind that produces something. */
export const taskResult = builder.unionType('TaskResult', {
  description: 'What a task produced: one type for each kind. New ones may appear: keep a default branch.',
  types: [
    documentOutcome,
    roadmapOutcome,
    contentOutcome,
    batchOutcome,
    selfTestOutcome,
    quizOutcome,
    questionOutcome,
    projectOutcome,
    syncOutcome,
    replyOutcome,
  ],
  resolveType: ({ type }) => typeNames[type],
})

/**
 * Returns a stored result as the union `TaskResult` resolves it.
 *
 * @returns null without a result, and for a `type` that this version does not have, which is reported through `context`
 */
export function toResult(result: JsonObject | null, context: Pick<Context, 'noteUnknownResult'>): StudioResult | null {
  if (result === null) return null
  const { type } = result
  // Written by a task kind under the name that is checked here.
  if (typeof type === 'string' && Object.hasOwn(typeNames, type)) return result as StudioResult
  context.noteUnknownResult?.(type)
  return null
}
