import { execute, isObjectType, parse } from 'graphql'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { createContext, schema } from '../../../schema/studio/index.ts'
import { isSameQuestion, questionKinds } from '../../../src/studio/content/question.ts'
import {
  failureFields,
  type QuestionData,
  type QuizApi,
  reviewFields,
  startQuizApi,
} from '../../studio/quizzes/quiz-api.ts'
import { viewerOf } from '../../support/api.ts'

let api: QuizApi
beforeAll(async () => {
  api = await startQuizApi()
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})
afterEach(() => {
  api.questions.script = () => 'ask'
  api.questions.release()
})

/** Returns the services with a counter of how often quizzes are read. */
function countCalls(method: 'listOfDocuments' | 'publishedQuestions') {
  let calls = 0
  const quizzes = new Proxy(api.services.quizzes, {
    get(target, key, receiver) {
      if (key === method) calls += 1
      return Reflect.get(target, key, receiver)
    },
  })
  return { services: { ...api.services, quizzes }, counted: () => calls }
}

const watchDocument = `subscription ($id: ID!, $fromStart: Boolean) { taskProgress(taskId: $id, fromStart: $fromStart) { __typename status
  progress { percent stage message completedItems totalItems }
  ... on TaskItemStarted { item { key } } ... on TaskItemCompleted { item { key status } }
  ... on TaskFailed { failure: error { code advice } }
  ... on TaskCompleted { result { __typename ... on QuizGenerated { questionCount requestedCount message quiz { id status } }
    ... on QuestionReplaced { questionId version question { prompt } } } } } }`
interface EventData {
  readonly __typename: string
  readonly status: string
  readonly progress: { readonly percent: number; readonly stage: string | null; readonly message: string | null }
  readonly item?: { readonly key: string; readonly status: string }
  readonly [key: string]: unknown
}
async function watchAll(
  id: string,
  onEvent: (event: EventData) => Promise<void> | void = () => undefined,
): Promise<EventData[]> {
  const events: EventData[] = []
  for await (const data of api.watch(watchDocument, { id, fromStart: true })) {
    const event = (data as { taskProgress: EventData }).taskProgress
    events.push(event)
    await onEvent(event)
  }
  return events
}
const question = async (id: string): Promise<QuestionData | null> => {
  const data: { question: QuestionData | null } = await api.run(
    `query ($id: ID!) { question(id: $id) { ...Q } } ${reviewFields.replace(/fragment Z[\s\S]*$/, '')}`,
    { id },
  )
  return data.question
}
const first = (questions: readonly QuestionData[]): QuestionData => {
  const [one] = questions
  if (one === undefined) throw new Error('The quiz has no question')
  return one
}
const expectAllDifferent = (questions: readonly { prompt: string; answer: string }[]): void => {
  for (const [index, one] of questions.entries())
    for (const other of questions.slice(0, index)) expect(isSameQuestion(one, other)).toBe(false)
}

describe('generateQuiz', () => {
  it('delivers questions one by one, each readable as soon as its item is completed', async () => {
    const { quizId, taskId } = await api.startQuiz()
    const seen: string[] = []
    const events = await watchAll(taskId, async ({ __typename, item }) => {
      if (__typename !== 'TaskItemCompleted' || item === undefined) return
      const made = await question(item.key)
      expect(made).toMatchObject({ id: item.key, version: 1, origin: 'GENERATED', isAccepted: false, canUndo: false })
      seen.push(item.key)
    })
    expect(seen).toHaveLength(6)
    const messages = new Set(events.map(({ progress }) => progress.message))
    for (const place of [1, 2, 3, 4, 5, 6]) expect(messages).toContain(`Question ${place} of 6`)
    expect(events.at(-1)).toMatchObject({
      __typename: 'TaskCompleted',
      progress: { percent: 100, completedItems: 6, totalItems: 6 },
      result: { __typename: 'QuizGenerated', questionCount: 6, requestedCount: 6, message: null, quiz: { id: quizId } },
    })
    const quiz = await api.quiz(quizId)
    expect(quiz).toMatchObject({
      title: 'Bread',
      status: 'DRAFT',
      note: null,
      error: null,
      acceptedCount: 0,
      activeTask: null,
    })
    expect(quiz.questions.map(({ id }) => id)).toEqual(seen)
    expect(quiz.questions.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6])
    expect(new Set(quiz.questions.map(({ kind }) => kind))).toEqual(new Set(questionKinds))
    expectAllDifferent(quiz.questions)
    for (const { citation } of quiz.questions) expect(citation.quotation.length).toBeGreaterThan(10)
  })

  it('reports when the document yields fewer than requested', async () => {
    const { quizId, taskId } = await api.startQuiz({ count: 50 })
    const events = await watchAll(taskId)
    const quiz = await api.quiz(quizId)
    expect(quiz.questions.length).toBeLessThan(50)
    expect(quiz).toMatchObject({ status: 'DRAFT', requestedCount: 50 })
    expect(quiz.note).toContain(`only ${quiz.questions.length} of the 50`)
    expect(events.at(-1)).toMatchObject({
      result: { questionCount: quiz.questions.length, requestedCount: 50, message: quiz.note },
    })
    expectAllDifferent(quiz.questions)
  })

  it('generates only the requested kinds', async () => {
    const quiz = await api.makeQuiz({ kinds: ['TRUE_FALSE'], count: 3 })
    expect(quiz.questions.map(({ kind }) => kind)).toEqual(['TRUE_FALSE', 'TRUE_FALSE', 'TRUE_FALSE'])
    expect(first(quiz.questions).options).toEqual([
      { key: 'TRUE', text: 'True' },
      { key: 'FALSE', text: 'False' },
    ])
  })

  it('can be picked up by a page that loads during the task', async () => {
    api.questions.script = (_, made) => (made === 2 ? 'wait' : 'ask')
    const { quizId, taskId } = await api.startQuiz()
    const quiz = await vi.waitFor(async () => {
      const now = await api.quiz(quizId)
      if (now.questions.length < 2) throw new Error('not yet in the middle')
      return now
    })
    expect(quiz).toMatchObject({ status: 'GENERATING', activeTask: { id: taskId } })
    expect(await api.run(`query ($id: ID!) { quiz(id: $id) { document { quizzes { id } } } }`, { id: quizId })).toEqual(
      { quiz: { document: { quizzes: [{ id: quizId }] } } },
    )
    api.questions.release()
    expect(await api.end(taskId)).toBe('COMPLETED')
  })

  it('continues after a transient failure, without generating anything twice', async () => {
    let failures = 0
    api.questions.script = (_, made) => {
      if (made !== 2 || failures > 0) return 'ask'
      failures += 1
      return 'retry'
    }
    const { quizId, taskId } = await api.startQuiz()
    const events = await watchAll(taskId)
    expect(events.map(({ __typename }) => __typename)).toContain('TaskRetrying')
    expect(events.at(-1)?.status).toBe('COMPLETED')
    const { questions } = await api.quiz(quizId)
    expect(questions).toHaveLength(6)
    expect(questions.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6])
    expectAllDifferent(questions)
  })

  it('keeps the generated questions when it is canceled, and a retry generates the rest', async () => {
    api.questions.script = (_, made) => (made === 2 ? 'wait' : 'ask')
    const { quizId, taskId } = await api.startQuiz()
    await vi.waitFor(async () => expect((await api.quiz(quizId)).questions).toHaveLength(2))
    await api.run(`mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }`, { id: taskId })
    const canceled = await api.quiz(quizId)
    expect(canceled).toMatchObject({ status: 'DRAFT', error: { code: 'CANCELED' }, questions: { length: 2 } })
    expect(canceled.note).toContain('after 2 of 6')
    api.questions.script = () => 'ask'
    const { retryTask }: { retryTask: { task: { id: string; items: unknown[] } } } = await api.run(
      `mutation ($id: ID!) { retryTask(input: { taskId: $id }) { ... on RetryTaskSuccess { task { id items { key } } } } }`,
      { id: taskId },
    )
    expect(retryTask.task.items).toHaveLength(4)
    await api.end(retryTask.task.id)
    const quiz = await api.quiz(quizId)
    expect(quiz).toMatchObject({ status: 'DRAFT', error: null, note: null })
    expect(quiz.questions.slice(0, 2).map(({ id }) => id)).toEqual(canceled.questions.map(({ id }) => id))
    expect(quiz.questions).toHaveLength(6)
    expectAllDifferent(quiz.questions)
  })

  it('fails with advice when there is nothing to ask about', async () => {
    const { quizId, taskId } = await api.startQuiz({ text: '# Links\n\n- [one](https://one.example)\n' })
    const events = await watchAll(taskId)
    expect(events.at(-1)).toMatchObject({
      status: 'FAILED',
      failure: { code: 'NOT_ENOUGH_TEXT', advice: expect.any(String) },
    })
    expect(await api.quiz(quizId)).toMatchObject({
      status: 'FAILED',
      error: { code: 'NOT_ENOUGH_TEXT' },
      questions: [],
    })
  })

  it('returns the same task for the same key, and refuses impossible input', async () => {
    const documentId = await api.importText('# A\n\nA kettle always boils water before tea is made of it.\n')
    const mutation = `mutation ($id: ID!, $count: Int, $kinds: [QuestionKind!], $key: String) {
      result: generateQuiz(input: { documentId: $id, questionCount: $count, kinds: $kinds, idempotencyKey: $key }) { ${failureFields}
        ... on GenerateQuizSuccess { task { id } quiz { id } } } }`
    const run = (variables: Record<string, unknown>): Promise<{ result: { __typename: string } }> =>
      api.run(mutation, variables)
    const one = await run({ id: documentId, key: 'k-1', count: 1 })
    expect(await run({ id: documentId, key: 'k-1', count: 1 })).toEqual(one)
    for (const count of [0, 51, -1])
      expect(await run({ id: documentId, count })).toMatchObject({
        result: { __typename: 'InvalidInputError', issues: [{ path: 'input.questionCount' }] },
      })
    expect(await run({ id: documentId, kinds: [] })).toMatchObject({ result: { __typename: 'InvalidInputError' } })
    expect(await run({ id: 'document_0' })).toMatchObject({ result: { __typename: 'NotFoundError' } })
  })
})

describe('replaceQuestion', () => {
  it('swaps the question in its position when the new one is ready, and keeps the old one until then', async () => {
    const quiz = await api.makeQuiz()
    const old = first(quiz.questions)
    api.questions.script = () => 'wait'
    const result = await api.replace(old.id, 'Too easy')
    expect(result).toMatchObject({ __typename: 'ReplaceQuestionSuccess', task: { items: [{ key: old.id }] } })
    expect(await question(old.id)).toMatchObject({ prompt: old.prompt, version: 1, activeTask: { id: result.task.id } })
    api.questions.script = () => 'ask'
    api.questions.release()
    const events = await watchAll(result.task.id)
    expect(events.at(-1)).toMatchObject({ result: { __typename: 'QuestionReplaced', questionId: old.id, version: 2 } })
    expect(events.map(({ progress }) => progress.stage)).toContain('asking')
    const other = await question(old.id)
    expect(other).toMatchObject({
      position: 1,
      kind: old.kind,
      version: 2,
      origin: 'REPLACED',
      canUndo: true,
      activeTask: null,
    })
    expect(other?.versions).toMatchObject([
      { version: 2, reason: 'Too easy' },
      { version: 1, prompt: old.prompt },
    ])
    expect((await api.quiz(quiz.id)).questions.slice(1)).toEqual(quiz.questions.slice(1))
  })

  it('replaces several at once, and never returns the same question twice', async () => {
    const quiz = await api.makeQuiz({ count: 4, kinds: ['TRUE_FALSE', 'CLOZE'] })
    const asked = [...quiz.questions]
    for (let round = 0; round < 2; round += 1) {
      // All of them search at the same time, so that each could find what the others find.
      let waiting = 0
      api.questions.script = () => {
        waiting += 1
        return 'wait'
      }
      const tasks = await Promise.all(quiz.questions.map(({ id }) => api.replace(id)))
      await vi.waitFor(() => expect(waiting).toBe(4))
      api.questions.script = () => 'ask'
      api.questions.release()
      expect(await Promise.all(tasks.map(({ task }) => api.end(task.id)))).toEqual(Array(4).fill('COMPLETED'))
      asked.push(...(await api.quiz(quiz.id)).questions)
    }
    expect(asked).toHaveLength(12)
    expectAllDifferent(asked)
  })

  it('returns the running task to a viewer that would change the question meanwhile', async () => {
    const quiz = await api.makeQuiz({ count: 3 })
    const { id } = first(quiz.questions)
    api.questions.script = () => 'wait'
    const { task } = await api.replace(id)
    const busy = { __typename: 'ConflictError', runningTask: { id: task.id, kind: 'REPLACE_QUESTION' } }
    expect(await api.replace(id)).toMatchObject(busy)
    expect(await api.change('acceptQuestion(input: { questionId: $id })', { id })).toMatchObject(busy)
    expect(await api.change('undoQuestion(input: { questionId: $id })', { id })).toMatchObject(busy)
    expect(
      await api.change('editQuestion(input: $input)', { input: { questionId: id, explanation: 'x' } }),
    ).toMatchObject(busy)
    expect(
      await api.run(
        `mutation ($id: ID!) { result: publishQuiz(input: { quizId: $id }) { ${failureFields} } }`.replace(
          /\.\.\. on InvalidInputError \{[^}]*\{[^}]*\} \}/,
          '',
        ),
        { id: quiz.id },
      ),
    ).toMatchObject({ result: busy })
    expect(
      await api.change('moveQuestion(input: { questionId: $id, position: $position })', { id, position: 2 }),
    ).toMatchObject({
      __typename: 'ChangeQuestionSuccess',
      question: { position: 2 },
    })
  })

  it.each(['cancel', 'fail'] as const)('keeps the old question when it ends otherwise: %s', async (how) => {
    const quiz = await api.makeQuiz({ count: 2 })
    const old = first(quiz.questions)
    let waits = 0
    api.questions.script = () => {
      waits += 1
      return how === 'fail' ? 'fail' : 'wait'
    }
    const { task } = await api.replace(old.id)
    if (how === 'cancel') {
      await vi.waitFor(() => expect(waits).toBe(1))
      await api.run(`mutation ($id: ID!) { cancelTask(input: { taskId: $id }) { __typename } }`, { id: task.id })
    }
    expect(await api.end(task.id)).toBe(how === 'fail' ? 'FAILED' : 'CANCELED')
    expect(await question(old.id)).toEqual(old)
    api.questions.script = () => 'ask'
    const again = await api.replace(old.id)
    expect(await api.end(again.task.id)).toBe('COMPLETED')
  })

  it('uses the question found by an attempt that could not swap it, instead of searching again', async () => {
    const quiz = await api.makeQuiz({ count: 2 })
    const old = first(quiz.questions)
    await api.database.pool.query(`
      create sequence swaps;
      create function fail_first_swap() returns trigger language plpgsql as $$ begin
        if new.version > 1 and nextval('swaps') = 1 then raise exception 'once' using errcode = '40001'; end if;
        return new;
      end $$;
      create trigger fail_first_swap before update on studio.question for each row execute function fail_first_swap()`)
    let found = 0
    api.questions.script = () => {
      found += 1
      return 'ask'
    }
    const { task } = await api.replace(old.id)
    const names = (await watchAll(task.id)).map(({ __typename }) => __typename)
    await api.database.pool.query('drop trigger fail_first_swap on studio.question')
    expect(names).toContain('TaskRetrying')
    expect(names.at(-1)).toBe('TaskCompleted')
    expect(found).toBe(1)
    const now = await question(old.id)
    expect(now?.versions.map(({ version }) => version)).toEqual([2, 1])
  })

  it('reports when the document yields nothing else', async () => {
    const quiz = await api.makeQuiz({
      count: 1,
      kinds: ['TRUE_FALSE'],
      text: '# Tea\n\nThe kettle always boils the water before the tea is made of it.\n',
    })
    const { task } = await api.replace(first(quiz.questions).id)
    expect((await watchAll(task.id)).at(-1)).toMatchObject({
      failure: { code: 'NO_OTHER_QUESTION', advice: expect.any(String) },
    })
    expect((await api.quiz(quiz.id)).questions).toEqual(quiz.questions)
  })
})

describe('the review', () => {
  it('accepts, unaccepts, moves, edits and undoes', async () => {
    const quiz = await api.makeQuiz({ count: 4 })
    const [one, two, three, four] = quiz.questions.map(({ id }) => id)
    const accept = (accepted: boolean) =>
      api.change('acceptQuestion(input: { questionId: $id, accepted: $accepted })', { id: one, accepted })
    expect(await accept(true)).toMatchObject({ question: { isAccepted: true } })
    expect(await accept(true)).toMatchObject({ question: { isAccepted: true } })
    const edited = await api.change('editQuestion(input: $input)', {
      input: { questionId: one, explanation: 'Because the text says so.', difficulty: 'HARD' },
    })
    expect(edited).toMatchObject({
      question: { isAccepted: true, version: 2, origin: 'EDITED', explanation: 'Because the text says so.' },
    })
    expect(await api.change('undoQuestion(input: { questionId: $id })', { id: one })).toMatchObject({
      question: { version: 1, isAccepted: true, canUndo: false },
    })
    expect(await api.change('undoQuestion(input: { questionId: $id })', { id: one })).toMatchObject({
      __typename: 'ConflictError',
      runningTask: null,
    })
    expect(await accept(false)).toMatchObject({ question: { isAccepted: false } })
    const move = (id: string | undefined, position: number) =>
      api.change('moveQuestion(input: { questionId: $id, position: $position })', { id, position })
    await move(one, 4)
    await move(four, 1)
    expect((await api.quiz(quiz.id)).questions.map(({ id }) => id)).toEqual([four, two, three, one])
    for (const position of [0, 5])
      expect(await move(one, position)).toMatchObject({
        __typename: 'InvalidInputError',
        issues: [{ path: 'input.position' }],
      })
  })

  it('returns through every version, and a version after an undo is a new one', async () => {
    const quiz = await api.makeQuiz({ count: 2 })
    const old = first(quiz.questions)
    await api.end((await api.replace(old.id)).task.id)
    await api.end((await api.replace(old.id)).task.id)
    const undo = () => api.change('undoQuestion(input: { questionId: $id })', { id: old.id })
    expect(await undo()).toMatchObject({ question: { version: 2 } })
    expect(await undo()).toMatchObject({ question: { version: 1, prompt: old.prompt } })
    await api.end((await api.replace(old.id)).task.id)
    const now = await question(old.id)
    expect(now).toMatchObject({ version: 4 })
    expect(now?.versions.map(({ version }) => version)).toEqual([4, 3, 2, 1])
    expect(new Set(now?.versions.map(({ prompt }) => prompt)).size).toBe(4)
    expect(await undo()).toMatchObject({ question: { version: 1 } })
  })

  it('refuses changes that do not form a question, naming each', async () => {
    const quiz = await api.makeQuiz({ count: 9 })
    const of = (kind: string): string => first(quiz.questions.filter((one) => one.kind === kind)).id
    const edit = (kind: string, input: Record<string, unknown>) =>
      api.change('editQuestion(input: $input)', { input: { questionId: of(kind), ...input } })
    const refusals: [string, Record<string, unknown>, string][] = [
      ['MULTIPLE_CHOICE', { options: ['a', 'b', 'c'] }, 'input.answer'],
      ['MULTIPLE_CHOICE', { options: ['a', 'A '], answer: 'a' }, 'input.options'],
      ['MULTIPLE_CHOICE', { prompt: '  ' }, 'input.prompt'],
      ['CLOZE', { prompt: 'No gap.' }, 'input.prompt'],
      ['CLOZE', { answer: '' }, 'input.answer'],
      ['CLOZE', { options: ['a'] }, 'input.options'],
      ['TRUE_FALSE', { answer: 'perhaps' }, 'input.answer'],
      ['TRUE_FALSE', { prompt: 'x'.repeat(4_001) }, 'input.prompt'],
      ['TRUE_FALSE', { explanation: 'a\0' }, 'input.explanation'],
      ['CLOZE', { alternatives: ['half a pair: \ud83d'] }, 'input.alternatives'],
    ]
    for (const [kind, input, path] of refusals)
      expect(await edit(kind, input), JSON.stringify(input)).toMatchObject({
        __typename: 'InvalidInputError',
        issues: [{ path }],
      })
    expect(await edit('MULTIPLE_CHOICE', { options: ['one', 'two', 'three'], answer: 'two' })).toMatchObject({
      question: { answer: 'two', answerKey: 'B', options: [{ key: 'A' }, { key: 'B' }, { key: 'C' }] },
    })
    expect(await edit('TRUE_FALSE', { answer: 'false' })).toMatchObject({
      question: { answer: 'False', answerKey: 'FALSE' },
    })
  })
})

describe('taking a quiz', () => {
  const takeQuery = `query ($id: ID!) { publishedQuiz(id: $id) { id title publishedAt attempts { id } questions { id position kind prompt options { key text } } } }`
  const submitMutation = `mutation ($input: SubmitQuizInput!) { result: submitQuiz(input: $input) { __typename ... on Error { message }
    ... on InvalidInputError { issues { path } }
    ... on SubmitQuizSuccess { attempt { id correctCount questionCount percent results { given isCorrect answer answerKey explanation citation { quotation } question { id } } } } } }`
  interface Submitted {
    readonly result: { readonly __typename: string; readonly attempt: { readonly id: string } }
  }
  const submit = (input: Record<string, unknown>, viewer = viewerOf('taker')): Promise<Submitted> =>
    api.run(submitMutation, { input }, viewer)

  it('is possible only when it is published, with the accepted questions and without their answers', async () => {
    const quiz = await api.makeQuiz({ count: 4 })
    const taker = viewerOf('taker')
    const missing = `There is no published quiz "${quiz.id}"`
    expect(await api.run(takeQuery, { id: quiz.id }, taker)).toEqual({ publishedQuiz: null })
    expect(await submit({ quizId: quiz.id, answers: [] })).toMatchObject({
      result: { __typename: 'NotFoundError', message: missing },
    })
    const publish = `mutation ($id: ID!) { result: publishQuiz(input: { quizId: $id }) { __typename ... on Error { message } ... on PublishQuizSuccess { quiz { status publishedAt } } } }`
    expect(await api.run(publish, { id: quiz.id })).toMatchObject({
      result: { __typename: 'ConflictError', message: expect.stringContaining('accepted') },
    })
    const [one, , three] = quiz.questions
    for (const accepted of [one, three])
      await api.change('acceptQuestion(input: { questionId: $id })', { id: accepted?.id })
    expect(await api.run(publish, { id: quiz.id })).toMatchObject({ result: { quiz: { status: 'PUBLISHED' } } })
    const { publishedQuiz }: { publishedQuiz: { questions: Record<string, unknown>[] } } = await api.run(
      takeQuery,
      { id: quiz.id },
      taker,
    )
    expect(publishedQuiz.questions).toMatchObject([
      { id: one?.id, position: 1, prompt: one?.prompt },
      { id: three?.id, position: 2 },
    ])
    const type = schema.getType('PublishedQuestion')
    expect(isObjectType(type) ? Object.keys(type.getFields()) : []).toEqual([
      'id',
      'position',
      'kind',
      'prompt',
      'options',
    ])
    // The owner's view is unaffected, and nothing of it changes any more.
    expect(
      await api.run(
        `query ($id: ID!, $question: ID!) { quiz(id: $id) { id } question(id: $question) { id } a: node(id: $id) { id } b: node(id: $question) { id } }`,
        { id: quiz.id, question: one?.id },
        taker,
      ),
    ).toEqual({ quiz: null, question: null, a: null, b: null })
    for (const call of [
      'acceptQuestion(input: { questionId: $id, accepted: false })',
      'undoQuestion(input: { questionId: $id })',
    ])
      expect(await api.change(call, { id: one?.id })).toMatchObject({ __typename: 'ConflictError', runningTask: null })
    expect(await api.replace(one?.id ?? '')).toMatchObject({ __typename: 'ConflictError' })
    expect(await api.run(publish, { id: quiz.id })).toMatchObject({ result: { __typename: 'ConflictError' } })
  })

  it('scores submitted answers, and returns the correct answer and its source for each question', async () => {
    const quiz = await api.makeQuiz({ count: 5 })
    await api.publish(quiz)
    const [one, two, three, ...rest] = quiz.questions
    const right = (question: QuestionData): string => question.answerKey ?? ` ${question.answer.toUpperCase()} `
    const wrong = (question: QuestionData): string =>
      question.options.find(({ key }) => key !== question.answerKey)?.key ?? 'nonsense'
    const given = [
      ...(one ? [{ questionId: one.id, answer: right(one) }] : []),
      ...(two ? [{ questionId: two.id, answer: right(two) }] : []),
      ...(three ? [{ questionId: three.id, answer: wrong(three) }] : []),
    ]
    const { result } = await submit({ quizId: quiz.id, answers: given, idempotencyKey: 'try-1' })
    expect(result).toMatchObject({
      attempt: {
        correctCount: 2,
        questionCount: 5,
        percent: 40,
        results: [
          {
            isCorrect: true,
            answer: one?.answer,
            citation: one?.citation.quotation === undefined ? {} : { quotation: one.citation.quotation },
          },
          { isCorrect: true },
          { isCorrect: false, given: given[2]?.answer, answer: three?.answer },
          ...rest.map(() => ({ isCorrect: false, given: null })),
        ],
      },
    })
    expect((await submit({ quizId: quiz.id, answers: given, idempotencyKey: 'try-1' })).result.attempt.id).toBe(
      result.attempt.id,
    )
    expect(await submit({ quizId: quiz.id, answers: [], idempotencyKey: 'try-1' })).toMatchObject({
      result: { __typename: 'InvalidInputError' },
    })
    await submit({ quizId: quiz.id, answers: [] })
    const { publishedQuiz }: { publishedQuiz: { attempts: unknown[] } } = await api.run(
      takeQuery,
      { id: quiz.id },
      viewerOf('taker'),
    )
    expect(publishedQuiz.attempts).toHaveLength(2)
    const attempt = `query ($id: ID!) { quizAttempt(id: $id) { id } }`
    expect(await api.run(attempt, { id: result.attempt.id }, viewerOf('taker'))).toEqual({
      quizAttempt: { id: result.attempt.id },
    })
    expect(await api.run(attempt, { id: result.attempt.id }, viewerOf('other'))).toEqual({ quizAttempt: null })
  })

  it('counts an answer that cannot be stored unchanged as incorrect', async () => {
    const quiz = await api.makeQuiz({ count: 1, kinds: ['CLOZE'] })
    await api.publish(quiz)
    const answers = [{ questionId: first(quiz.questions).id, answer: 'a\0\ud83d' }]
    expect((await submit({ quizId: quiz.id, answers })).result.attempt).toMatchObject({
      correctCount: 0,
      results: [{ given: 'a\ufffd\ufffd' }],
    })
  })

  it('is read once per request, for any number of attempts that refer to its questions', async () => {
    const quiz = await api.makeQuiz({ count: 2, kinds: ['TRUE_FALSE'] })
    await api.publish(quiz)
    for (let times = 0; times < 3; times += 1) await submit({ quizId: quiz.id, answers: [] })
    const { services, counted } = countCalls('publishedQuestions')
    const { data, errors } = await execute({
      schema,
      document: parse(
        'query ($id: ID!) { publishedQuiz(id: $id) { attempts { results { question { id } isCorrect } } } }',
      ),
      variableValues: { id: quiz.id },
      contextValue: createContext(services, viewerOf('taker'), { catchUp: false }),
    })
    expect(errors).toBeUndefined()
    const results = quiz.questions.map(({ id }) => ({ question: { id }, isCorrect: false }))
    expect(data).toEqual({ publishedQuiz: { attempts: [{ results }, { results }, { results }] } })
    expect(counted()).toBe(1)
  })

  it('refuses answers that cannot be graded, naming each', async () => {
    const quiz = await api.makeQuiz({ count: 2, kinds: ['TRUE_FALSE'] })
    await api.publish(quiz)
    const { id } = first(quiz.questions)
    const answers: [Record<string, string>[], string][] = [
      [[{ questionId: 'question_0', answer: 'A' }], 'input.answers.0'],
      [[{ questionId: id, answer: 'Z' }], 'input.answers.0'],
      [
        [
          { questionId: id, answer: 'TRUE' },
          { questionId: id, answer: 'FALSE' },
        ],
        'input.answers',
      ],
    ]
    for (const [given, path] of answers)
      expect(await submit({ quizId: quiz.id, answers: given })).toMatchObject({
        result: { __typename: 'InvalidInputError', issues: [{ path }] },
      })
  })
})

it('is listed with its document, for many documents at once', async () => {
  const reader = viewerOf('reader')
  const ids: string[] = []
  for (let count = 0; count < 2; count += 1)
    ids.push((await api.makeQuiz({ viewer: reader, count: 1, kinds: ['TRUE_FALSE'] })).id)
  const { services, counted } = countCalls('listOfDocuments')
  const { data, errors } = await execute({
    schema,
    document: parse('{ documents { nodes { quizzes { id } } } }'),
    contextValue: createContext(services, reader, { catchUp: false }),
  })
  expect(errors).toBeUndefined()
  // The newest document comes first.
  expect(data).toEqual({ documents: { nodes: ids.reverse().map((id) => ({ quizzes: [{ id }] })) } })
  expect(counted()).toBe(1)
})

describe('access', () => {
  it('hides quizzes and questions of other users as if they did not exist', async () => {
    const anna = viewerOf('anna')
    const bert = viewerOf('bert')
    const quiz = await api.makeQuiz({ viewer: anna, count: 2 })
    const { id } = first(quiz.questions)
    const probe = `query ($quiz: ID!, $question: ID!) { quiz(id: $quiz) { id } question(id: $question) { id } publishedQuiz(id: $quiz) { id }
      a: node(id: $quiz) { id } b: node(id: $question) { id } quizzes { nodes { id } } }`
    const nothing = { quiz: null, question: null, publishedQuiz: null, a: null, b: null, quizzes: { nodes: [] } }
    expect(await api.run(probe, { quiz: quiz.id, question: id }, bert)).toEqual(nothing)
    expect(await api.run(probe, { quiz: quiz.id, question: id }, anna)).toMatchObject({
      quiz: { id: quiz.id },
      a: { id: quiz.id },
      b: { id },
      quizzes: { nodes: [{ id: quiz.id }] },
    })
    const refusalsOf = async (questionId: string, quizId: string): Promise<string> => {
      const all = await Promise.all([
        api.change('acceptQuestion(input: { questionId: $id })', { id: questionId }, bert),
        api.change('undoQuestion(input: { questionId: $id })', { id: questionId }, bert),
        api.change(
          'moveQuestion(input: { questionId: $id, position: $position })',
          { id: questionId, position: 1 },
          bert,
        ),
        api.change('editQuestion(input: $input)', { input: { questionId, prompt: 'x' } }, bert),
        api.replace(questionId, undefined, bert),
        api.run(
          `mutation ($id: ID!) { publishQuiz(input: { quizId: $id }) { __typename ... on Error { message } } }`,
          { id: quizId },
          bert,
        ),
      ])
      return JSON.stringify(all).replaceAll(questionId, '…').replaceAll(quizId, '…')
    }
    const refused = await refusalsOf(id, quiz.id)
    expect(refused).toBe(await refusalsOf('question_0', 'quiz_0'))
    expect(refused.match(/NotFoundError/g)).toHaveLength(6)
  })

  it('requires a token', async () => {
    for (const query of [
      '{ quizzes { nodes { id } } }',
      '{ quiz(id: "quiz_0") { id } }',
      '{ publishedQuiz(id: "quiz_0") { id } }',
    ])
      expect((await api.execute(query, {}, null)).errors?.[0]?.message).toContain('Authorization')
  })
})

const updates = `subscription ($id: ID!, $after: Cursor) { event: quizUpdates(quizId: $id, after: $after) { __typename seq cursor
  ... on QuizSnapshot { reason quizStatus questions { questionId version isAccepted } activeTasks { taskId replacedQuestionId } }
  ... on QuizTaskStarted { taskId replacedQuestionId } ... on QuizTaskEnded { taskId replacedQuestionId taskStatus }
  ... on QuizQuestionChanged { questionId cause version isAccepted question { id version isAccepted } }
  ... on QuizReordered { questionIds } ... on QuizStatusChanged { quizStatus } } }`
interface Update {
  readonly __typename: string
  readonly seq: number
  readonly cursor: string
  readonly quizStatus?: string
  readonly cause?: string
  readonly taskId?: string
  readonly questionId?: string | null
  readonly questions?: readonly {
    readonly questionId: string
    readonly version: number
    readonly isAccepted: boolean
  }[]
  readonly [field: string]: unknown
}

/** Follows a quiz until the subscription ends or is disposed. */
async function followQuiz(id: string, after?: string) {
  const seen: Update[] = []
  const events = api.watch(updates, { id, after }) as AsyncGenerator<{ readonly event: Update }>
  const done = (async () => {
    for await (const { event } of events) seen.push(event)
  })()
  if (after === undefined) await vi.waitFor(() => expect(seen).toHaveLength(1))
  return { seen, done, [Symbol.asyncDispose]: async () => void events.return(undefined) }
}
const brief = ({ __typename, cause, quizStatus, replacedQuestionId }: Update): string =>
  [__typename.replace('Quiz', ''), cause ?? quizStatus ?? (replacedQuestionId === null ? 'quiz' : '')].join(' ').trim()

describe('quizUpdates', () => {
  it('reports the generation from its start, each question as it is stored, and the end', async () => {
    api.questions.script = () => 'wait'
    const { quizId, taskId } = await api.startQuiz({ count: 3 })
    await using follower = await followQuiz(quizId)
    const { seen } = follower
    expect(seen[0]).toMatchObject({ reason: 'SUBSCRIBED', quizStatus: 'GENERATING', questions: [] })
    expect(seen[0]?.['activeTasks']).toEqual([{ taskId, replacedQuestionId: null }])
    api.questions.script = () => 'ask'
    api.questions.release()
    await vi.waitFor(() => expect(seen.map(brief)).toContain('StatusChanged DRAFT'))
    expect(seen.slice(1).map(brief)).toEqual([
      ...Array.from({ length: 3 }, () => 'QuestionChanged GENERATED'),
      'TaskEnded quiz',
      'StatusChanged DRAFT',
    ])
    const { questions } = await api.quiz(quizId)
    expect(seen.slice(1, 4).map(({ questionId }) => questionId)).toEqual(questions.map(({ id }) => id))
  })

  it('reports every change of the review to another subscriber, in order, and resumes exactly after a cursor', async () => {
    const quiz = await api.makeQuiz()
    const [first, second, third] = quiz.questions.map(({ id }) => id)
    await using follower = await followQuiz(quiz.id)
    const { seen } = follower
    await api.change('acceptQuestion(input: { questionId: $id })', { id: first })
    await api.change('acceptQuestion(input: { questionId: $id, accepted: $accepted })', { id: first, accepted: false })
    await api.change('editQuestion(input: $input)', { input: { questionId: second, explanation: 'Because.' } })
    await api.change('undoQuestion(input: { questionId: $id })', { id: second })
    await api.change('moveQuestion(input: { questionId: $id, position: $position })', { id: third, position: 1 })
    const { task } = await api.replace(first ?? '')
    await api.end(task.id)
    await vi.waitFor(() => expect(seen.map(brief)).toContain('TaskEnded'))
    const reviewed = await api.quiz(quiz.id)
    await api.publish(reviewed)
    await vi.waitFor(() => expect(seen.map(brief)).toContain('StatusChanged PUBLISHED'))
    expect(seen.slice(1).map(brief)).toEqual([
      'QuestionChanged ACCEPTED',
      'QuestionChanged UNACCEPTED',
      'QuestionChanged EDITED',
      'QuestionChanged RESTORED',
      'Reordered',
      'TaskStarted',
      'QuestionChanged REPLACED',
      'TaskEnded',
      ...reviewed.questions.map(() => 'QuestionChanged ACCEPTED'),
      'StatusChanged PUBLISHED',
    ])
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => (seen[0]?.seq ?? 0) + index))
    expect(seen[5]?.['questionIds']).toEqual(reviewed.questions.map(({ id }) => id))
    expect(seen[7]).toMatchObject({ questionId: first, question: { id: first } })

    // The state folded from the events is the state that a new subscriber receives.
    const folded = new Map(seen[0]?.questions?.map((state) => [state.questionId, state]))
    for (const { __typename, questionId, version, isAccepted } of seen)
      if (__typename === 'QuizQuestionChanged' && typeof questionId === 'string')
        folded.set(questionId, { questionId, version: Number(version), isAccepted: isAccepted === true })
    await using late = await followQuiz(quiz.id)
    expect(late.seen[0]?.questions).toEqual(reviewed.questions.map(({ id }) => folded.get(id)))
    expect(late.seen[0]).toMatchObject({ quizStatus: 'PUBLISHED', activeTasks: [], seq: seen.at(-1)?.seq })
    await using resumed = await followQuiz(quiz.id, seen[3]?.cursor)
    await vi.waitFor(() =>
      expect(resumed.seen.map(({ cursor }) => cursor)).toEqual(seen.slice(4).map(({ cursor }) => cursor)),
    )
  })

  it('ends with the deletion of the quiz, and is refused to others', async () => {
    const { id } = await api.makeQuiz()
    await using follower = await followQuiz(id)
    await expect(async () => {
      for await (const _ of api.watch(updates, { id }, { viewer: viewerOf('u_other') })) throw new Error('Delivered')
    }).rejects.toThrow('There is no quiz')
    await api.run('mutation ($id: ID!) { deleteQuiz(input: { quizId: $id }) { __typename } }', { id })
    await follower.done
    expect(follower.seen.map(brief)).toEqual(['Snapshot DRAFT', 'Deleted'])
  })

  it('is consistent however many changes are made at once', async () => {
    const quiz = await api.makeQuiz()
    await using follower = await followQuiz(quiz.id)
    const { seen } = follower
    await Promise.all(
      quiz.questions.flatMap(({ id }, index) => [
        api.replace(id).then(({ task }) => api.end(task.id)),
        api.change('moveQuestion(input: { questionId: $id, position: $position })', { id, position: index + 1 }),
      ]),
    )
    await vi.waitFor(() =>
      expect(seen.filter(({ __typename }) => __typename === 'QuizTaskEnded')).toHaveLength(quiz.questions.length),
    )
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => (seen[0]?.seq ?? 0) + index))
    const versions = new Map(
      seen.flatMap((one) => (one.cause === 'REPLACED' ? [[one.questionId, one['version']]] : [])),
    )
    const now = await api.quiz(quiz.id)
    expect(now.questions.map(({ id }) => versions.get(id))).toEqual(now.questions.map(({ version }) => version))
  })
})
