import { type FormEvent, type ReactElement, useState } from 'react'
import { useQuery } from 'urql'
import {
  AddContextCardDocument,
  type AddContextCardInput,
  CardChoicesDocument,
  CardSectionsDocument,
  RemoveContextCardDocument,
} from '../../gql/graphql.ts'
import { createId } from '../../live/environment.ts'
import type { SessionCard, SessionState } from '../../reduce/session-state.ts'
import { Link } from '../link.tsx'
import { Refusal } from '../refusal.tsx'
import { useChange } from '../use-change.ts'

const kinds = { DOCUMENT: 'Document', SECTION: 'Section', QUIZ: 'Quiz', NOTE: 'Note' } as const

/** What the conversation is about: answers are made from it. */
export function CardsPanel(props: { readonly session: SessionState; readonly me: string | null }): ReactElement {
  const { session, me } = props
  const { run, refusal } = useChange(RemoveContextCardDocument)
  const isOpen = session.closedAt === null
  return (
    <section aria-labelledby="cards">
      <h2 id="cards">Cards</h2>
      {session.cards.length === 0 ? (
        <p className="note">None yet. Answers are quoted from cards: add a document, a section, a quiz or a note.</p>
      ) : (
        <ul className="context-cards">
          {session.cards.map((card) => (
            <li key={card.id}>
              <p className="note">{kinds[card.kind]}</p>
              {card.text?.startsWith(card.title) === true ? null : <CardTitle card={card} />}
              {card.text === null ? null : <p className="card-text">{card.text}</p>}
              {isOpen && (card.addedBy === me || session.owner === me) ? (
                <button
                  type="button"
                  className="quiet danger"
                  aria-label={`Remove the card ${card.title}`}
                  onClick={() => {
                    void run({ id: card.id })
                  }}
                >
                  Remove
                </button>
              ) : null}
            </li>
          ))}
        </ul>
      )}
      <Refusal text={refusal} />
      {isOpen ? (
        <details className="add-card">
          <summary>Add a card</summary>
          <AddCard sessionId={session.id} />
        </details>
      ) : null}
    </section>
  )
}

function CardTitle({ card }: { readonly card: SessionCard }): ReactElement {
  const { documentId, quizId, title } = card
  if (documentId !== null)
    return (
      <Link to={{ documentId }} className="context-title">
        {title}
      </Link>
    )
  if (quizId !== null)
    return (
      <Link to={{ quizId }} className="context-title">
        {title}
      </Link>
    )
  return <p className="context-title">{title}</p>
}

function AddCard({ sessionId }: { readonly sessionId: string }): ReactElement {
  const [{ data }] = useQuery({ query: CardChoicesDocument, requestPolicy: 'cache-and-network' })
  const [source, setSource] = useState('note')
  const [sectionKey, setSectionKey] = useState('')
  const [note, setNote] = useState('')
  const { run, isSending, refusal } = useChange(AddContextCardDocument)
  const documentId = source.startsWith('document_') ? source : null
  const [sections] = useQuery({
    query: CardSectionsDocument,
    variables: { id: documentId ?? '' },
    pause: documentId === null,
  })
  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    const given: Partial<AddContextCardInput> =
      documentId !== null
        ? { documentId, ...(sectionKey === '' ? {} : { sectionKey }) }
        : source === 'note'
          ? { note }
          : { quizId: source }
    if ((await run({ input: { sessionId, clientId: createId(), ...given } })) === undefined) return
    setNote('')
    setSource('note')
    setSectionKey('')
  }
  const ready = data?.documents.nodes.filter(({ status }) => status === 'READY') ?? []
  return (
    <form
      onSubmit={(event) => {
        void add(event)
      }}
    >
      <label>
        What
        <select
          value={source}
          onChange={({ target }) => {
            setSource(target.value)
            setSectionKey('')
          }}
        >
          <option value="note">A note of my own</option>
          {ready.length === 0 ? null : (
            <optgroup label="Documents">
              {ready.map(({ id, title }) => (
                <option key={id} value={id}>
                  {title}
                </option>
              ))}
            </optgroup>
          )}
          {data === undefined || data.quizzes.nodes.length === 0 ? null : (
            <optgroup label="Quizzes">
              {data.quizzes.nodes.map(({ id, title }) => (
                <option key={id} value={id}>
                  {title}
                </option>
              ))}
            </optgroup>
          )}
        </select>
      </label>
      {documentId === null ? null : (
        <label>
          Which part
          <select value={sectionKey} onChange={({ target }) => setSectionKey(target.value)}>
            <option value="">All of it</option>
            {sections.data?.document?.sections
              .filter(({ heading }) => heading !== '')
              .map(({ key, heading }) => (
                <option key={key} value={key}>
                  {heading}
                </option>
              ))}
          </select>
        </label>
      )}
      {source === 'note' ? (
        <textarea
          aria-label="Note"
          rows={3}
          maxLength={20_000}
          placeholder="What should be known here"
          value={note}
          onChange={({ target }) => setNote(target.value)}
        />
      ) : null}
      <button type="submit" disabled={isSending || (source === 'note' && note.trim() === '')}>
        Add
      </button>
      <p className="note">All participants can read of it in answers.</p>
      <Refusal text={refusal} />
    </form>
  )
}
