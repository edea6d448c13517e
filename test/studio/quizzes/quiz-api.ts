import { createExtractiveQuestions } from '../../../src/studio/content/extractive/questions/questions.ts'
import { ContentError } from '../../../src/studio/content/provider.ts'
import type { Question, QuestionProvider, QuestionRequest } from '../../../src/studio/content/question.ts'
import { defineGenerateQuiz } from '../../../src/studio/quizzes/generate-quiz.ts'
import { defineReplaceQuestion } from '../../../src/studio/quizzes/replace-question.ts'
import { createQuizLog } from '../../../src/studio/quizzes/updates.ts'
import type { Viewer } from '../../../src/tasks/model/viewer.ts'
import { type ApiFixture, startApi } from '../../support/api.ts'

/** The action before a question is yielded. */
export type QuestionScript = (request: QuestionRequest, made: number) => 'ask' | 'wait' | 'fail' | 'retry' | 'end'

/** The extractive provider, controlled by the test. */
export interface ScriptedQuestions extends QuestionProvider {
  script: QuestionScript
  /** Resumes the waiting requests, and those that are going to wait after the question they emitted last. */
  release(): void
}

function createScriptedQuestions(): ScriptedQuestions {
  const real = createExtractiveQuestions()
  let gate = Promise.withResolvers<void>()
  const provider: ScriptedQuestions = {
    name: 'scripted',
    script: () => 'ask',
    release() {
      gate.resolve()
      gate = Promise.withResolvers()
    },
    async *ask(request) {
      const { signal } = request
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
      aborted.catch(() => undefined)
      let made = 0
      let released = gate.promise
      for await (const question of real.ask(request)) {
        const decision = provider.script(request, made)
        if (decision === 'end') return
        if (decision === 'wait') await Promise.race([released, aborted])
        if (decision === 'fail')
          throw new ContentError('CONTENT_REFUSED', 'The service refused.', {
            retryable: false,
            advice: 'Change the text.',
          })
        if (decision === 'retry')
          throw new ContentError('PROVIDER_BUSY', 'The service is busy.', {
            retryable: true,
            advice: 'Wait.',
            retryAfterMs: 10,
          })
        made += 1
        // Taken before anyone can see the question, and respond to it by a release.
        released = gate.promise
        yield question
      }
    },
  }
  return provider
}

/** A text with plenty of material for questions. */
export const text = `# Bread

## Sourdough

A **sourdough starter** is a mixture of flour and water in which wild yeast lives. The starter must be fed before the dough is mixed, because hungry yeast raises no loaf. Wild yeast works slower than baker’s yeast, so a sourdough loaf needs at least \`8 hours\`. A stiff starter ferments slower than a liquid starter at the same temperature. The starter always keeps some of its wild yeast when it is fed with flour and water.

## The oven

A baking stone stores heat and gives it to the loaf. Steam keeps the crust of the loaf soft until the loaf has reached its volume. The oven door always stays closed during the first 10 minutes, because steam escapes when it is opened. The baking stone must be heated before the loaf is put on it. A Dutch oven keeps the steam of the loaf inside its lid, so no other steam is needed.

## Tools

- **Banneton** – a basket that holds the dough in shape while it rises
- **Lame** – a razor blade on a handle with which the loaf is scored
- **Peel** – a flat shovel that brings the loaf onto the baking stone
- **Couche** – a linen cloth between whose folds baguettes are left to rest
- **Scraper** – a plain sheet of metal that divides the dough and cleans the table

## Salt

Salt slows the wild yeast down and keeps the crumb tight. Too much salt stops the wild yeast altogether, so the dough never rises. Salt is always mixed in after the autolyse, because it tightens the gluten. The gluten of the dough becomes weaker when the salt is missing.
`

/** A question as selected by {@link reviewFields}. */
export interface QuestionData {
  readonly id: string
  readonly position: number
  readonly kind: Question['kind']
  readonly prompt: string
  readonly options: readonly { readonly key: string; readonly text: string }[]
  readonly answer: string
  readonly answerKey: string | null
  readonly isAccepted: boolean
  readonly version: number
  readonly origin: string
  readonly canUndo: boolean
  readonly citation: { readonly sectionKey: string; readonly quotation: string }
  readonly versions: readonly { readonly version: number; readonly prompt: string; readonly reason: string | null }[]
  readonly activeTask: { readonly id: string } | null
}
/** A quiz as selected by {@link reviewFields}. */
export interface QuizData {
  readonly id: string
  readonly title: string
  readonly status: string
  readonly note: string | null
  readonly error: { readonly code: string } | null
  readonly requestedCount: number
  readonly acceptedCount: number
  readonly questions: readonly QuestionData[]
  readonly activeTask: { readonly id: string } | null
}
/** Fragments `Q` of a question and `Z` of a quiz. */
export const reviewFields = `
  fragment Q on Question { id position kind prompt options { key text } answer answerKey alternatives explanation difficulty isAccepted version
    origin canUndo citation { sectionKey heading quotation } versions { version prompt reason } activeTask { id } }
  fragment Z on Quiz { id title status note error { code } requestedCount acceptedCount activeTask { id } questions { ...Q } }`
/** The fields of a failure, as fragments of a result. */
export const failureFields = `__typename ... on Error { message } ... on ConflictError { runningTask { id kind } }
  ... on InvalidInputError { issues { path message } }`

/** The API with quizzes. */
export interface QuizApi extends ApiFixture {
  readonly questions: ScriptedQuestions
  quiz(id: string, viewer?: Viewer): Promise<QuizData>
  /** Starts a quiz. */
  startQuiz(options?: {
    readonly count?: number
    readonly kinds?: readonly string[]
    readonly text?: string
    readonly viewer?: Viewer
  }): Promise<{ readonly quizId: string; readonly taskId: string; readonly documentId: string }>
  /** Starts a quiz and waits for it. */
  makeQuiz(options?: Parameters<QuizApi['startQuiz']>[0]): Promise<QuizData>
  /** Runs a mutation on a question: `accept(questionId: $id)`. */
  change(call: string, variables: Record<string, unknown>, viewer?: Viewer): Promise<ChangeData>
  replace(
    questionId: string,
    reason?: string,
    viewer?: Viewer,
  ): Promise<ChangeData & { readonly task: { readonly id: string } }>
  /** Waits for the end of a task and returns its status. */
  end(taskId: string): Promise<string>
  /** Accepts every question and publishes the quiz. */
  publish(quiz: QuizData, viewer?: Viewer): Promise<void>
}
interface ChangeData {
  readonly __typename: string
  readonly message?: string
  readonly runningTask?: { readonly id: string; readonly kind: string } | null
  readonly issues?: readonly { readonly path: string; readonly message: string }[]
  readonly question: QuestionData
}

/** Starts the API with quizzes on a fresh database. */
export async function startQuizApi(config: Parameters<typeof startApi>[0] = {}): Promise<QuizApi> {
  const questions = createScriptedQuestions()
  const api = await startApi(config, ({ appender }) => {
    const teller = createQuizLog(appender)
    return [defineGenerateQuiz(questions, teller), defineReplaceQuestion(questions, teller)]
  })
  const quiz: QuizApi['quiz'] = async (id, viewer) => {
    const data: { quiz: QuizData } = await api.run(
      `query ($id: ID!) { quiz(id: $id) { ...Z } } ${reviewFields}`,
      { id },
      viewer,
    )
    return data.quiz
  }
  const end: QuizApi['end'] = async (taskId) => {
    await api.history(await api.get({ id: taskId }))
    return (await api.get({ id: taskId })).status
  }
  const startQuiz: QuizApi['startQuiz'] = async (options = {}) => {
    const { count = 6, kinds, viewer } = options
    const documentId = await api.importText(options.text ?? text, viewer)
    const { generateQuiz }: { generateQuiz: { quiz: { id: string }; task: { id: string } } } = await api.run(
      `mutation ($id: ID!, $count: Int, $kinds: [QuestionKind!]) { generateQuiz(input: { documentId: $id, questionCount: $count, kinds: $kinds }) {
        ... on GenerateQuizSuccess { quiz { id } task { id } } } }`,
      { id: documentId, count, ...(kinds === undefined ? {} : { kinds }) },
      viewer,
    )
    return { quizId: generateQuiz.quiz.id, taskId: generateQuiz.task.id, documentId }
  }
  const change: QuizApi['change'] = async (call, variables, viewer) => {
    const types: Record<string, string> = { position: 'Int!', accepted: 'Boolean', input: 'EditQuestionInput!' }
    const declared = Object.keys(variables).map((name) => `$${name}: ${types[name] ?? 'ID!'}`)
    const data: { result: ChangeData } = await api.run(
      `mutation (${declared.join(', ')}) { result: ${call} { ${failureFields} ... on ChangeQuestionSuccess { question { ...Q } } } } ${reviewFields}`,
      variables,
      viewer,
    )
    return data.result
  }
  return {
    ...api,
    questions,
    quiz,
    startQuiz,
    change,
    end,
    async makeQuiz(options) {
      const { quizId, taskId } = await startQuiz(options)
      await end(taskId)
      return quiz(quizId, options?.viewer)
    },
    async replace(questionId, reason, viewer) {
      const data: { result: never } = await api.run(
        `mutation ($id: ID!, $reason: String) { result: replaceQuestion(input: { questionId: $id, reason: $reason }) { ${failureFields}
          ... on ReplaceQuestionSuccess { task { id kind items { key } } question { ...Q } } } } ${reviewFields}`,
        { id: questionId, reason },
        viewer,
      )
      return data.result
    },
    async publish({ id, questions: all }, viewer) {
      for (const question of all)
        await change('acceptQuestion(input: { questionId: $id })', { id: question.id }, viewer)
      await api.run(`mutation ($id: ID!) { publishQuiz(input: { quizId: $id }) { __typename } }`, { id }, viewer)
    },
  }
}
