import type { Appender, Logger, TaskDefinition } from '../engine.ts'
import type { StudioConfig } from './config.ts'
import { shareGenerationPool } from './content/apart/pool.ts'
import { createContentProvider, createQuestionProvider, createReplyProvider } from './content/create.ts'
import { defineConvertDocument } from './documents/convert/convert-document.ts'
import { defineGenerateProject } from './projects/generate/generate-project.ts'
import { createProjectGenerators } from './projects/generate/generators.ts'
import { defineSyncProject } from './projects/sync-project.ts'
import { defineGenerateQuiz } from './quizzes/generate-quiz.ts'
import { defineReplaceQuestion } from './quizzes/replace-question.ts'
import { createQuizLog } from './quizzes/updates.ts'
import { createOutliner, defineCreateRoadmap } from './roadmaps/create-roadmap.ts'
import { defineRetryContent, defineRetryFailedContent } from './roadmaps/retry-content.ts'
import { createRoadmapLog } from './roadmaps/updates.ts'
import { defineSelfTest } from './self-test/self-test.ts'
import { createSessionLog } from './sessions/events.ts'
import { defineReply } from './sessions/reply.ts'

/** The task definitions of all applications, with which the engine is started. */
export function createTaskDefinitions(
  config: StudioConfig,
  { appender, logger }: { readonly appender: Appender; readonly logger: Logger },
): readonly TaskDefinition[] {
  const pool = shareGenerationPool(logger)
  const provider = createContentProvider(config, pool)
  const questions = createQuestionProvider(config, pool)
  // A service answers several requests at once; the extractive provider would only compete with
  // itself for CPU.
  const concurrency = provider.name === 'extractive' ? 1 : 4
  const roadmapLog = createRoadmapLog(appender)
  const outline = createOutliner(pool)
  const quizLog = createQuizLog(appender)
  return [
    defineConvertDocument({ maxBytes: config.MAX_UPLOAD_BYTES }),
    defineCreateRoadmap(provider, { roadmapLog, concurrency, outline }),
    defineRetryContent(provider, roadmapLog),
    defineRetryFailedContent(provider, { roadmapLog, concurrency }),
    defineGenerateQuiz(questions, quizLog),
    defineReplaceQuestion(questions, quizLog),
    defineGenerateProject({ generators: createProjectGenerators(config, pool), questions }),
    defineSyncProject(),
    defineReply(createReplyProvider(config), createSessionLog(appender)),
    ...(config.SELF_TEST ? [defineSelfTest()] : []),
  ]
}
