import type { Citation } from '../src/studio/content/question.ts'
import {
  optionsOf,
  type QuestionBody,
  type QuestionOption,
  type QuestionVersion,
  rightKeyOf,
} from '../src/studio/quizzes/quiz.ts'
import { findOwn } from './access.ts'
import { builder } from './builder.ts'
import { node } from './node.ts'
import { questionRef, quizRef, taskRef } from './refs.ts'
import { activeTaskOf } from './subject-task.ts'

/** `QuestionKind` */
export const questionKind = builder.enumType('QuestionKind', {
  description: 'What a question asks of who answers it.',
  values: {
    MULTIPLE_CHOICE: { description: 'Choose the one right option.' },
    CLOZE: { description: 'Write what the gap `_____` stands for.' },
    TRUE_FALSE: { description: 'Say whether the statement is true.' },
  } as const,
})
/** `Difficulty` */
export const difficulty = builder.enumType('Difficulty', {
  description: 'How hard a question is, roughly: an estimate of whoever made it.',
  values: {
    EASY: { description: 'Known to whoever has read the text.' },
    MEDIUM: { description: 'Known to whoever has read it with care.' },
    HARD: { description: 'Has to be recalled word for word, or thought through.' },
  } as const,
})
const questionOrigin = builder.enumType('QuestionOrigin', {
  description: 'Where a version of a question comes from.',
  values: {
    GENERATED: { description: 'Made with the quiz.' },
    REPLACED: { description: 'Made in place of another.' },
    EDITED: { description: 'Written by a person.' },
  } as const,
})

/** `Citation` */
export const citationRef = builder.objectRef<Citation>('Citation').implement({
  description: 'The passage of the document that a question is answered by.',
  fields: (t) => ({
    sectionKey: t.exposeString('sectionKey', { description: '`Section.key` within the document.' }),
    heading: t.exposeString('heading', { description: 'The heading of that section.' }),
    quotation: t.exposeString('quotation', {
      description:
        'The passage as plain text. It was looked up in the section, where it may have markup and other punctuation.',
    }),
  }),
})

/** `QuestionOption` */
export const optionRef = builder.objectRef<QuestionOption>('QuestionOption').implement({
  description: 'An answer that can be chosen.',
  fields: (t) => ({
    key: t.exposeString('key', {
      description: 'What is handed in for it: `A`, `B`, `C` … or, for a statement, `TRUE` and `FALSE`.',
    }),
    text: t.exposeString('text', { description: 'Markdown.' }),
  }),
})

interface Told {
  readonly body: QuestionBody
}
const answerOf = ({ body }: Told): string =>
  body.kind === 'TRUE_FALSE' ? (body.answer === 'TRUE' ? 'True' : 'False') : body.answer

const versionRef = builder.objectRef<QuestionVersion>('QuestionVersion').implement({
  description: 'What stands, or once stood, in a place of a quiz.',
  fields: (t) => ({
    version: t.exposeInt('version', { description: '1 for the first; each replacement and each change adds one.' }),
    origin: t.field({ type: questionOrigin, description: 'Where it comes from.', resolve: ({ origin }) => origin }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'Why the version before was replaced, as was said then; null when nothing was.',
    }),
    kind: t.field({ type: questionKind, description: 'What it asks for.', resolve: ({ body }) => body.kind }),
    prompt: t.string({ description: 'Markdown.', resolve: ({ body }) => body.prompt }),
    answer: t.string({ description: 'The right answer, as `Question.answer`.', resolve: answerOf }),
    createdAt: t.field({ type: 'DateTime', description: 'When it came.', resolve: ({ createdAt }) => createdAt }),
  }),
})

questionRef.implement({
  description:
    'A question with its answer, for the owner of the quiz to review. Whoever takes the quiz is shown a `PublishedQuestion`.',
  interfaces: [node],
  fields: (t) => ({
    id: t.exposeID('id', {
      description: 'Begins with `question_`. It names the place in the quiz and stays when the question is replaced.',
    }),
    position: t.exposeInt('position', { description: '1 for the first.' }),
    kind: t.field({ type: questionKind, description: 'What it asks for.', resolve: ({ body }) => body.kind }),
    prompt: t.string({
      description: 'Markdown; of a CLOZE with exactly one gap, `_____`.',
      resolve: ({ body }) => body.prompt,
    }),
    options: t.field({
      type: [optionRef],
      description: 'What can be chosen; empty for a CLOZE.',
      resolve: ({ body }) => optionsOf(body),
    }),
    answer: t.string({
      description: 'The right answer: the text of an option, of the gap, or “True” or “False”.',
      resolve: answerOf,
    }),
    answerKey: t.string({
      nullable: true,
      description: 'The key of the right option; null for a CLOZE.',
      resolve: ({ body }) => rightKeyOf(body),
    }),
    alternatives: t.stringList({
      description: 'What is right as well, for a CLOZE; case, articles and single slips of the pen never count.',
      resolve: ({ body }) => [...body.alternatives],
    }),
    explanation: t.string({
      description: 'Markdown: why the answer is right.',
      resolve: ({ body }) => body.explanation,
    }),
    difficulty: t.field({
      type: difficulty,
      description: 'How hard it is, roughly.',
      resolve: ({ body }) => body.difficulty,
    }),
    citation: t.field({
      type: citationRef,
      description: 'The passage it comes from.',
      resolve: ({ body }) => body.citation,
    }),
    isAccepted: t.boolean({
      description: 'Whether it will be in the published quiz.',
      resolve: ({ acceptedAt }) => acceptedAt !== null,
    }),
    version: t.exposeInt('version', { description: 'Another number, another question: see `versions`.' }),
    origin: t.field({
      type: questionOrigin,
      description: 'Where this version comes from.',
      resolve: ({ origin }) => origin,
    }),
    canUndo: t.boolean({
      description: 'Whether `undoQuestion` has a version to go back to.',
      resolve: ({ parent }) => parent !== null,
    }),
    versions: t.field({
      type: [versionRef],
      description: 'All that ever stood in this place, newest first. None of it comes again by itself.',
      resolve: ({ id }, _, { loaders }) => loaders.questionVersions.load(id),
    }),
    activeTask: t.field({
      type: taskRef,
      nullable: true,
      description:
        'The task that now looks for another question for this place; the present one stays until it is found.',
      resolve: activeTaskOf,
    }),
    quiz: t.field({
      type: quizRef,
      nullable: true,
      description: 'The quiz it belongs to.',
      resolve: ({ quizId }, _, { loaders }) => loaders.quiz.load(quizId),
    }),
  }),
})

builder.queryField('question', (t) =>
  t.field({
    type: questionRef,
    nullable: true,
    description:
      'A question of the viewer’s: its id is the key of the item that `taskProgress` tells of. null until it has been made.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `question_`.' }) },
    resolve: (_, { id }, context) => findOwn(context, context.loaders.question, id),
  }),
)
