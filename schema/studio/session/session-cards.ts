import type { CardContent } from '../../../src/studio/sessions/cards.ts'
import type { Card } from '../../../src/studio/sessions/session.ts'
import { anyFailure, type Context, refuseAsMissing, requireLimitedViewer, requireViewer } from '../../index.ts'
import { builder, defineResult } from '../builder.ts'
import { findReadableDocument } from '../document/document-access.ts'
import { cardRef } from './session.ts'
import { requirePart, requireSession, sessionLimit } from './session-access.ts'
import { clientIdDescription, defineSessionResult } from './session-result.ts'

const addContextCardSuccess = builder.objectRef<{ readonly card: Card }>('AddContextCardSuccess').implement({
  description: 'The card was added to the session.',
  fields: (t) => ({ card: t.field({ type: cardRef, description: 'The card.', resolve: ({ card }) => card }) }),
})
const addContextCardResult = defineResult(addContextCardSuccess, anyFailure, { budget: 'messages' })

const removeContextCardResult = defineSessionResult('RemoveContextCard', 'The card was removed.', {
  budget: 'messages',
})

const sectionCardInput = builder.inputType('SectionCardInput', {
  description: 'A section of a document.',
  fields: (t) => ({
    documentId: t.id({ required: true, description: 'A document that the viewer may read.' }),
    sectionKey: t.string({ required: true, description: '`Section.key`.' }),
  }),
})
const contextCardInput = builder.inputType('ContextCardInput', {
  description: 'The content of a card: exactly one of a document, a section of a document, a quiz and a note.',
  isOneOf: true,
  fields: (t) => ({
    documentId: t.id({
      description:
        'A document that the viewer may read. All participants can read its passages in replies for as long as that holds.',
    }),
    section: t.field({ type: sectionCardInput, description: 'A section of such a document.' }),
    quizId: t.id({ description: 'A quiz of the viewer.' }),
    note: t.string({ description: 'Plain text of up to 20,000 characters.' }),
  }),
})
const addContextCardInput = builder.inputType('AddContextCardInput', {
  description: 'The card to add to a session.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'A session that the viewer takes part in.' }),
    clientId: t.string({ required: true, description: clientIdDescription }),
    card: t.field({ type: contextCardInput, required: true, description: 'The content of the card.' }),
    title: t.string({ description: 'The title of the card; by default the title of its content.' }),
  }),
})
const removeContextCardInput = builder.inputType('RemoveContextCardInput', {
  description: 'The card to remove.',
  fields: (t) => ({ cardId: t.id({ required: true, description: 'The card.' }) }),
})
type CardInput = typeof contextCardInput.$inferInput

/**
 * Reads the content of a card, if the viewer may show it.
 * @throws TidingsError `NOT_FOUND`, `BAD_INPUT`
 */
async function readCardContent(context: Context, card: CardInput, title: string | undefined): Promise<CardContent> {
  if (typeof card.documentId === 'string') {
    const { documentId } = card
    const document = (await findReadableDocument(context, documentId)) ?? refuseAsMissing('document', documentId)
    return { kind: 'DOCUMENT', documentId, title: title ?? document.title }
  }
  if (typeof card.section === 'object' && card.section !== null) {
    const { documentId, sectionKey } = card.section
    const document = (await findReadableDocument(context, documentId)) ?? refuseAsMissing('document', documentId)
    const section = await context.loaders.section.load({ documentId, sectionKey })
    if (section === null) return refuseAsMissing('section', sectionKey)
    const heading = section.heading === '' ? document.title : `${document.title}: ${section.heading}`
    return { kind: 'SECTION', documentId, sectionKey, title: title ?? heading }
  }
  if (typeof card.quizId === 'string') {
    const { quizId } = card
    const quiz = await context.loaders.quiz.load(quizId)
    // Only its owner may show a quiz, because replies reveal its answers.
    if (quiz?.owner !== requireViewer(context).userId) return refuseAsMissing('quiz', quizId)
    return { kind: 'QUIZ', quizId, title: title ?? quiz.title }
  }
  const text = card.note ?? ''
  return { kind: 'NOTE', text, title: title ?? (text.trim().split('\n', 1)[0] ?? '').slice(0, 80) }
}

builder.mutationFields((t) => ({
  addContextCard: t.field({
    type: addContextCardResult.type,
    description:
      'Adds a card to a session. Replies are based on the cards, and all participants can read them in replies.',
    args: { input: t.arg({ type: addContextCardInput, required: true, description: 'The input.' }) },
    resolve: (_, { input }, context) =>
      addContextCardResult.run(context, input.sessionId, async () => {
        const { sessionId, clientId } = input
        const title = input.title ?? undefined
        const userId = await requirePart(context, sessionId)
        const content = await readCardContent(context, input.card, title)
        const isTitleDerived = title === undefined
        return { card: await context.sessions.cards.add({ sessionId, userId, clientId, content, isTitleDerived }) }
      }),
  }),
  removeContextCard: t.field({
    type: removeContextCardResult.type,
    description: 'Removes a card. The user that added it and the owner of the session may remove it.',
    args: { input: t.arg({ type: removeContextCardInput, required: true, description: 'The input.' }) },
    resolve: (_, { input: { cardId: id } }, context) =>
      removeContextCardResult.run(context, id, async () => {
        const viewer = requireLimitedViewer(context)
        const sessionId = await context.sessions.cards.remove(id, viewer.userId, sessionLimit(viewer))
        return { session: await requireSession(context, sessionId) }
      }),
  }),
}))
