import type { CardContent } from '../src/studio/sessions/cards.ts'
import { badInput } from '../src/studio/sessions/messages.ts'
import type { Card } from '../src/studio/sessions/session.ts'
import { findReadableDocument, requirePart, requireSession, sessionLimit } from './access.ts'
import { builder, requireLimitedViewer, requireViewer } from './builder.ts'
import type { Context } from './context.ts'
import { refuseAsMissing } from './failure.ts'
import { defineResult } from './result.ts'
import { cardRef } from './session.ts'
import { clientIdDescription, defineSessionResult } from './session-change.ts'

const addContextCardSuccess = builder.objectRef<{ readonly card: Card }>('AddContextCardSuccess').implement({
  description: 'The card lies beside the conversation.',
  fields: (t) => ({ card: t.field({ type: cardRef, description: 'The card.', resolve: ({ card }) => card }) }),
})
const addContextCardResult = defineResult(addContextCardSuccess, [
  'NotFoundError',
  'ConflictError',
  'InvalidInputError',
])

const removeContextCardResult = defineSessionResult('RemoveContextCard', 'The card is gone.')

const addContextCardInput = builder.inputType('AddContextCardInput', {
  description: 'What to lay beside the conversation: exactly one of a document, a section of it, a quiz, a note.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'A session that the viewer takes part in.' }),
    clientId: t.string({ required: true, description: clientIdDescription }),
    documentId: t.id({
      description: 'A document that the viewer may read; all participants can read of it for as long as that is so.',
    }),
    sectionKey: t.string({ description: 'Only this section of it.' }),
    quizId: t.id({ description: 'A quiz of the viewer’s own.' }),
    note: t.string({ description: 'A text of the viewer’s own: up to 20,000 characters.' }),
    title: t.string({ description: 'What the card is called; by default the title of what it shows.' }),
  }),
})
type CardInput = typeof addContextCardInput.$inferInput

/** What a card is to show, if the viewer may show it. @throws TidingsError `NOT_FOUND`, `BAD_INPUT` */
async function readCardContent(context: Context, input: CardInput): Promise<CardContent> {
  const { documentId, sectionKey, quizId, note } = input
  const given = [documentId, quizId, note].filter((one) => one !== null && one !== undefined)
  if (given.length !== 1) throw badInput('input', 'A card shows exactly one of `documentId`, `quizId` and `note`')
  if (documentId !== null && documentId !== undefined) {
    const document = (await findReadableDocument(context, documentId)) ?? refuseAsMissing('document', documentId)
    const title = input.title ?? document.title
    if (sectionKey === null || sectionKey === undefined) return { kind: 'DOCUMENT', documentId, title }
    const section = await context.loaders.section.load({ documentId, sectionKey })
    if (section === null) return refuseAsMissing('section', sectionKey)
    const heading = section.heading === '' ? document.title : `${document.title}: ${section.heading}`
    return { kind: 'SECTION', documentId, sectionKey, title: input.title ?? heading }
  }
  if (quizId !== null && quizId !== undefined) {
    const quiz = await context.loaders.quiz.load(quizId)
    // Only its owner may show a quiz: replies tell of its answers.
    if (quiz?.owner !== requireViewer(context).userId) return refuseAsMissing('quiz', quizId)
    return { kind: 'QUIZ', quizId, title: input.title ?? quiz.title }
  }
  const text = note ?? ''
  return { kind: 'NOTE', text, title: input.title ?? (text.trim().split('\n', 1)[0] ?? '').slice(0, 80) }
}

builder.mutationFields((t) => ({
  addContextCard: t.field({
    type: addContextCardResult.type,
    description:
      'Lays a card beside a conversation: replies are made from cards, and all participants can read of it there.',
    args: { input: t.arg({ type: addContextCardInput, required: true, description: 'What it shows.' }) },
    resolve: (_, { input }, context) =>
      addContextCardResult.run(context, input.sessionId, async () => {
        const { sessionId, clientId } = input
        const userId = await requirePart(context, sessionId)
        const content = await readCardContent(context, input)
        const isTitleDerived = input.title === null || input.title === undefined
        return { card: await context.sessions.cards.add({ sessionId, userId, clientId, content, isTitleDerived }) }
      }),
  }),
  removeContextCard: t.field({
    type: removeContextCardResult.type,
    description: 'Takes a card away. Whoever added it may, and the owner of the session.',
    args: { id: t.arg.id({ required: true, description: 'The card.' }) },
    resolve: (_, { id }, context) =>
      removeContextCardResult.run(context, id, async () => {
        const viewer = requireLimitedViewer(context)
        const sessionId = await context.sessions.cards.remove(id, viewer.userId, sessionLimit(viewer))
        return { session: await requireSession(context, sessionId) }
      }),
  }),
}))
