import type { Citation } from '../../../src/studio/content/question.ts'
import {
  optionsOf,
  type QuestionBody,
  type QuestionOption,
  type QuestionVersion,
  rightKeyOf,
} from '../../../src/studio/quizzes/quiz.ts'
import { activeTaskOf, findOwn } from '../../index.ts'
import { builder, node, registerOwnNode, taskRef } from '../builder.ts'
import { questionRef, quizRef } from '../refs.ts'

registerOwnNode('question', 'Question', (loaders) => loaders.question)

/** `QuestionKind` */
export const questionKind = builder.enumType('QuestionKind', {
  description: 'The kind of a question.',
  values: {
    MULTIPLE_CHOICE: { description: 'Choose the one correct option.' },
    CLOZE: { description: 'Complete the gap `_____`.' },
    TRUE_FALSE: { description: 'Decide whether a statement is true.' },
  } as const,
})
/** `Difficulty` */
export const difficulty = builder.enumType('Difficulty', {
  description: 'The estimated difficulty of a question.',
  values: {
    EASY: { description: 'Answerable after reading the text once.' },
    MEDIUM: { description: 'Answerable after reading the text carefully.' },
    HARD: { description: 'Requires exact recall or reasoning.' },
  } as const,
})
const questionOrigin = builder.enumType('QuestionOrigin', {
  description: 'The origin of a version of a question.',
  values: {
    GENERATED: { description: 'Generated with the quiz.' },
    REPLACED: { description: 'Generated as a replacement.' },
    EDITED: { description: 'Written by the owner.' },
  } as const,
})

/** `Citation` */
export const citationRef = builder.objectRef<Citation>('Citation').implement({
  description: 'The passage of the document that answers a question.',
  fields: (t) => ({
    sectionKey: t.exposeString('sectionKey', { description: '`Section.key` within the document.' }),
    heading: t.exposeString('heading', { description: 'The heading of the section.' }),
    quotation: t.exposeString('quotation', {
      description: 'The passage as plain text. In the section, it may have markup and different punctuation.',
    }),
  }),
})

/** `QuestionOption` */
export const optionRef = builder.objectRef<QuestionOption>('QuestionOption').implement({
  description: 'An option of a question.',
  fields: (t) => ({
    key: t.exposeString('key', {
      description: 'The value to submit: `A`, `B`, `C` … or, for a statement, `TRUE` and `FALSE`.',
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
  description: 'A present or former version of a question.',
  fields: (t) => ({
    version: t.exposeInt('version', { description: '1 for the first; each replacement or change adds one.' }),
    origin: t.field({
      type: questionOrigin,
      description: 'The origin of the version.',
      resolve: ({ origin }) => origin,
    }),
    reason: t.exposeString('reason', {
      nullable: true,
      description: 'The given reason for replacing the previous version; null without one.',
    }),
    kind: t.field({ type: questionKind, description: 'The kind of question.', resolve: ({ body }) => body.kind }),
    prompt: t.string({ description: 'Markdown.', resolve: ({ body }) => body.prompt }),
    answer: t.string({ description: 'The correct answer, as in `Question.answer`.', resolve: answerOf }),
    createdAt: t.field({
      type: 'DateTime',
      description: 'When the version was created.',
      resolve: ({ createdAt }) => createdAt,
    }),
  }),
})

questionRef.implement({
  description:
    'A question with its answer, for review by the owner of the quiz. Takers of the quiz see a `PublishedQuestion`.',
  interfaces: [node],
  fields: (t) => ({
    id: t.exposeID('id', {
      description: 'Begins with `question_`. The id stays when the question is replaced.',
    }),
    position: t.exposeInt('position', { description: '1 for the first.' }),
    kind: t.field({ type: questionKind, description: 'The kind of question.', resolve: ({ body }) => body.kind }),
    prompt: t.string({
      description: 'Markdown; a CLOZE has exactly one gap, `_____`.',
      resolve: ({ body }) => body.prompt,
    }),
    options: t.field({
      type: [optionRef],
      description: 'The options; empty for a CLOZE.',
      resolve: ({ body }) => optionsOf(body),
    }),
    answer: t.string({
      description: 'The correct answer: the text of an option or of the gap, or “True” or “False”.',
      resolve: answerOf,
    }),
    answerKey: t.string({
      nullable: true,
      description: 'The key of the correct option; null for a CLOZE.',
      resolve: ({ body }) => rightKeyOf(body),
    }),
    alternatives: t.stringList({
      description: 'Further accepted answers of a CLOZE. Case, articles and single typing errors are ignored.',
      resolve: ({ body }) => [...body.alternatives],
    }),
    explanation: t.string({
      description: 'The explanation of the answer, Markdown.',
      resolve: ({ body }) => body.explanation,
    }),
    difficulty: t.field({
      type: difficulty,
      description: 'The estimated difficulty.',
      resolve: ({ body }) => body.difficulty,
    }),
    citation: t.field({
      type: citationRef,
      description: 'The source passage.',
      resolve: ({ body }) => body.citation,
    }),
    isAccepted: t.boolean({
      description: 'Whether the question is accepted for the published quiz.',
      resolve: ({ acceptedAt }) => acceptedAt !== null,
    }),
    version: t.exposeInt('version', { description: 'The current version: see `versions`.' }),
    origin: t.field({
      type: questionOrigin,
      description: 'The origin of this version.',
      resolve: ({ origin }) => origin,
    }),
    canUndo: t.boolean({
      description: 'Whether `undoQuestion` can restore a previous version.',
      resolve: ({ parent }) => parent !== null,
    }),
    versions: t.field({
      type: [versionRef],
      description: 'All versions of this question, newest first.',
      resolve: ({ id }, _, { loaders }) => loaders.questionVersions.load(id),
    }),
    activeTask: t.field({
      type: taskRef,
      nullable: true,
      description: 'The task that is generating a replacement; the current question stays until it is completed.',
      resolve: activeTaskOf,
    }),
    quiz: t.field({
      type: quizRef,
      nullable: true,
      description: 'The quiz that contains the question.',
      resolve: ({ quizId }, _, { loaders }) => loaders.quiz.load(quizId),
    }),
  }),
})

builder.queryField('question', (t) =>
  t.field({
    type: questionRef,
    nullable: true,
    description:
      'A question of the viewer: its id is the key of its item in the task that generates the quiz. null until it is generated.',
    args: { id: t.arg.id({ required: true, description: 'Begins with `question_`.' }) },
    resolve: (_, { id }, context) => findOwn(context, context.loaders.question, id),
  }),
)
