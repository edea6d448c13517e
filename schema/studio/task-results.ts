import type { StudioResult, StudioResultOf } from '../../src/studio/task-results.ts'
import { leadOut } from '../index.ts'
import { builder, defineTaskResults } from './builder.ts'
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
  description: 'The result of CONVERT_DOCUMENT.',
  fields: (t) => ({
    documentId: t.exposeID('documentId', { description: 'The converted document.' }),
    document: t.field({
      type: documentRef,
      nullable: true,
      description: 'The document; null after it was deleted.',
      ...leadOut(({ documentId }: ConvertDocumentResult, { loaders }) => loaders.document.load(documentId)),
    }),
    sectionCount: t.exposeInt('sectionCount', { description: 'The number of sections.' }),
    wordCount: t.exposeInt('wordCount', { description: 'The number of words.' }),
  }),
})
const roadmapOutcome = builder.objectRef<CreateRoadmapTaskResult>('RoadmapCreated').implement({
  description: 'The result of CREATE_ROADMAP.',
  fields: (t) => ({
    roadmapId: t.exposeID('roadmapId', { description: 'The roadmap.' }),
    roadmap: t.field({
      type: roadmapRef,
      nullable: true,
      description: 'The roadmap; null after it was deleted.',
      ...leadOut(({ roadmapId }: CreateRoadmapTaskResult, { loaders }) => loaders.roadmap.load(roadmapId)),
    }),
    conceptCount: t.exposeInt('conceptCount', { description: 'The number of concepts.' }),
    failedCount: t.exposeInt('failedCount', {
      description: 'The number of failed pieces; `retryFailedContent` generates them again.',
    }),
  }),
})
const contentOutcome = builder.objectRef<RetryContentTaskResult>('ContentRetried').implement({
  description: 'The result of RETRY_CONTENT.',
  fields: (t) => ({
    conceptId: t.exposeID('conceptId', { description: 'The concept.' }),
    concept: t.field({
      type: conceptRef,
      nullable: true,
      description: 'The concept with its new content; null after it was deleted.',
      ...leadOut(({ conceptId }: RetryContentTaskResult, { loaders }) => loaders.concept.load(conceptId)),
    }),
    piece: t.field({ type: contentPiece, description: 'The piece that was generated.', resolve: ({ piece }) => piece }),
  }),
})
const batchOutcome = builder.objectRef<RetryFailedContentTaskResult>('FailedContentRetried').implement({
  description: 'The result of RETRY_FAILED_CONTENT.',
  fields: (t) => ({
    roadmapId: t.exposeID('roadmapId', { description: 'The roadmap.' }),
    roadmap: t.field({
      type: roadmapRef,
      nullable: true,
      description: 'The roadmap; null after it was deleted.',
      ...leadOut(({ roadmapId }: RetryFailedContentTaskResult, { loaders }) => loaders.roadmap.load(roadmapId)),
    }),
    completedCount: t.exposeInt('completedCount', { description: 'The number of completed pieces.' }),
    failedCount: t.exposeInt('failedCount', { description: 'The number of pieces that failed again.' }),
  }),
})

const selfTestOutcome = builder.objectRef<SelfTestResult>('SelfTestCounted').implement({
  description: 'The result of SELF_TEST.',
  fields: (t) => ({ count: t.exposeInt('count', { description: 'The number of counted items.' }) }),
})

const quizOutcome = builder.objectRef<QuizGenerated>('QuizGenerated').implement({
  description: 'The result of GENERATE_QUIZ.',
  fields: (t) => ({
    quizId: t.exposeID('quizId', { description: 'The generated quiz.' }),
    quiz: t.field({
      type: quizRef,
      nullable: true,
      description: 'The quiz; null after it was deleted.',
      ...leadOut(({ quizId }: QuizGenerated, { loaders }) => loaders.quiz.load(quizId)),
    }),
    questionCount: t.exposeInt('questionCount', { description: 'The number of questions.' }),
    requestedCount: t.exposeInt('requestedCount', { description: 'The requested number of questions.' }),
    message: t.exposeString('message', {
      nullable: true,
      description: 'Why there are fewer questions than requested; null otherwise.',
    }),
  }),
})
const questionOutcome = builder.objectRef<QuestionReplaced>('QuestionReplaced').implement({
  description: 'The result of REPLACE_QUESTION.',
  fields: (t) => ({
    questionId: t.exposeID('questionId', { description: 'The question, which keeps its id.' }),
    question: t.field({
      type: questionRef,
      nullable: true,
      description: 'The current question; null after it was deleted.',
      ...leadOut(({ questionId }: QuestionReplaced, { loaders }) => loaders.question.load(questionId)),
    }),
    version: t.exposeInt('version', { description: 'The version that this task created.' }),
  }),
})

const projectOutcome = builder.objectRef<ProjectGenerated>('ProjectGenerated').implement({
  description: 'The result of GENERATE_PROJECT.',
  fields: (t) => ({
    projectId: t.exposeID('projectId', { description: 'The generated project.' }),
    project: t.field({
      type: projectRef,
      nullable: true,
      description: 'The project; null after it was deleted.',
      ...leadOut(({ projectId }: ProjectGenerated, { loaders }) => loaders.project.load(projectId)),
    }),
    fileCount: t.exposeInt('fileCount', { description: 'The number of files.' }),
  }),
})
const syncOutcome = builder.objectRef<ProjectSynced>('ProjectSynced').implement({
  description: 'The result of SYNC_PROJECT. The task fails when files have problems: see `TaskError.problems`.',
  fields: (t) => ({
    projectId: t.exposeID('projectId', { description: 'The project.' }),
    project: t.field({
      type: projectRef,
      nullable: true,
      description: 'The project; null after it was deleted.',
      ...leadOut(({ projectId }: ProjectSynced, { loaders }) => loaders.project.load(projectId)),
    }),
    version: t.exposeInt('version', { description: 'The version that the preview shows.' }),
    writtenCount: t.exposeInt('writtenCount', { description: 'The number of new and changed files.' }),
    removedCount: t.exposeInt('removedCount', { description: 'The number of removed files.' }),
  }),
})
const replyOutcome = builder.objectRef<ReplyWritten>('ReplyWritten').implement({
  description: 'The result of REPLY. The text is in the session.',
  fields: (t) => ({
    sessionId: t.exposeID('sessionId', { description: 'The session.' }),
    messageId: t.exposeID('messageId', { description: 'The message of the reply.' }),
  }),
})

defineTaskResults({
  SelfTestResult: selfTestOutcome,
  ConvertDocumentResult: documentOutcome,
  CreateRoadmapResult: roadmapOutcome,
  RetryContentTaskResult: contentOutcome,
  RetryFailedContentResult: batchOutcome,
  QuizGenerated: quizOutcome,
  QuestionReplaced: questionOutcome,
  ProjectGenerated: projectOutcome,
  ProjectSynced: syncOutcome,
  ReplyWritten: replyOutcome,
} satisfies Record<StudioResult['type'], unknown>)
