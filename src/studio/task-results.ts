import type { TaskDefinition } from '../engine.ts'
import type { ContentPiece } from './content/provider.ts'

/**
 * The stored results of the applications' task kinds. `type` names the member of the union
 * `TaskResult` of the API (`schema/studio/task-results.ts`), so a kind with any other result does not
 * compile: see {@link StudioTask}.
 */
export type StudioResult =
  | {
      readonly type: 'ConvertDocumentResult'
      readonly documentId: string
      readonly sectionCount: number
      readonly wordCount: number
    }
  | {
      readonly type: 'CreateRoadmapResult'
      readonly roadmapId: string
      readonly conceptCount: number
      readonly failedCount: number
    }
  | { readonly type: 'RetryContentTaskResult'; readonly conceptId: string; readonly piece: ContentPiece }
  | {
      readonly type: 'RetryFailedContentResult'
      readonly roadmapId: string
      readonly completedCount: number
      readonly failedCount: number
    }
  | { readonly type: 'SelfTestResult'; readonly count: number }
  | { readonly type: 'ProjectGenerated'; readonly projectId: string; readonly fileCount: number }
  | {
      readonly type: 'ProjectSynced'
      readonly projectId: string
      readonly version: number
      readonly writtenCount: number
      readonly removedCount: number
    }
  | { readonly type: 'ReplyWritten'; readonly sessionId: string; readonly messageId: string }
  | {
      readonly type: 'QuizGenerated'
      readonly quizId: string
      readonly questionCount: number
      readonly requestedCount: number
      readonly message: string | null
    }
  | {
      readonly type: 'QuestionReplaced'
      readonly quizId: string
      readonly questionId: string
      readonly version: number
    }

/** The result of a type. */
export type StudioResultOf<T extends StudioResult['type']> = Extract<StudioResult, { readonly type: T }>

/** A task kind with a result that the API can present. */
export type StudioTask<I> = TaskDefinition<I, StudioResult>
