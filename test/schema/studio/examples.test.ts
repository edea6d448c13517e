import { getOperationAST, parse, validate } from 'graphql'
import { expect, it } from 'vitest'
import { type Example, readExamples } from '../../../schema/studio/examples/examples.ts'
import { schema } from '../../../schema/studio/index.ts'
import { createExtractiveQuestions } from '../../../src/studio/content/extractive/questions/questions.ts'
import { createExtractiveReplies } from '../../../src/studio/content/extractive/reply.ts'
import { defineGenerateProject } from '../../../src/studio/projects/generate/generate-project.ts'
import { createTemplateGenerator } from '../../../src/studio/projects/generate/templates.ts'
import { defineGenerateQuiz } from '../../../src/studio/quizzes/generate-quiz.ts'
import { createQuizLog } from '../../../src/studio/quizzes/updates.ts'
import { createSessionLog } from '../../../src/studio/sessions/events.ts'
import { defineReply } from '../../../src/studio/sessions/reply.ts'
import { localDeveloper } from '../../../src/tasks/model/viewer.ts'
import { startApi } from '../../support/api.ts'

const text =
  '# Bread\n\n## Dough\n\nA dough always needs flour, water, salt and time. Salt slows the yeast down and keeps the crumb tight.\n'
const operationOf = ({ query }: Example) => getOperationAST(parse(query))
const nameOf = (example: Example): string => operationOf(example)?.name?.value ?? ''

it('prepares operations that run unchanged on existing data', async () => {
  const questions = createExtractiveQuestions()
  await using api = await startApi({}, (log) => [
    defineGenerateProject({
      generators: { templates: createTemplateGenerator({ paceMs: 0 }), model: null },
      questions,
    }),
    defineGenerateQuiz(questions, createQuizLog(log.appender)),
    defineReply(createExtractiveReplies(), createSessionLog(log.appender)),
  ])
  const read = () => readExamples(api.services, localDeveloper.userId)
  const run = async (example: Example): Promise<void> => {
    const variables = JSON.parse(example.variables ?? '{}') as Record<string, unknown>
    expect(validate(schema, parse(example.query)), nameOf(example)).toEqual([])
    if (operationOf(example)?.operation === 'subscription') {
      const watching = api.watch(example.query, variables)
      expect((await watching.next()).value, nameOf(example)).toBeDefined()
      await watching.return()
      return
    }
    const data = JSON.stringify(await api.run(example.query, variables))
    // A failed example would contain only the message of its failure.
    expect(data, nameOf(example)).not.toMatch(/"(message|reason)":"/)
    expect(data, nameOf(example)).toContain('"id"')
  }

  const always = ['Import', 'Watch', 'Roadmaps', 'Documents', 'CreateSession', 'Inbox']
  expect((await read()).map(nameOf)).toEqual(always)
  await api.makeRoadmap(text)
  // Some operations refer to what another has created.
  for (const name of ['GenerateQuiz', 'CreateSession', 'GenerateProject']) {
    const example = (await read()).find((one) => nameOf(one) === name)
    if (example === undefined) throw new Error(`There is no example ${name}`)
    await run(example)
  }
  const all = await read()
  expect(all.map(nameOf)).toEqual([
    'StartAndWatch',
    'Import',
    'Watch',
    'Roadmaps',
    'RetryQuiz',
    'Documents',
    'GenerateQuiz',
    'Quiz',
    'CreateSession',
    'Session',
    'SendMessage',
    'GenerateProject',
    'Preview',
    'Inbox',
  ])
  for (const example of all) await run(example)

  // Where tokens are required, the page is public.
  const open = await readExamples(api.services, null)
  expect(open.map(nameOf)).toEqual(always)
  expect(JSON.stringify(open)).not.toMatch(/(document|task|session)_[0-9a-z]{26}/)
})
