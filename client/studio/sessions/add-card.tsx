import { type FormEvent, type ReactElement, useState } from 'react'
import { useQuery } from 'urql'
import {
  AddContextCardDocument,
  CardSectionsDocument,
  type ContextCardInput,
  SourcesDocument,
} from '../../gql/graphql.ts'
import { createId } from '../../index.ts'
import { Refusal } from '../parts/refusal.tsx'
import { SourceOptions } from '../parts/source-options.tsx'
import { useChange } from '../use-change.ts'

/** Adds a document, a section of one, a quiz or a note to the session as a card. */
export function AddCard({ sessionId }: { readonly sessionId: string }): ReactElement {
  const [{ data }] = useQuery({ query: SourcesDocument, requestPolicy: 'cache-and-network' })
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
  const readCard = (): ContextCardInput => {
    if (documentId !== null) return sectionKey === '' ? { documentId } : { section: { documentId, sectionKey } }
    return source === 'note' ? { note } : { quizId: source }
  }
  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if ((await run({ input: { sessionId, clientId: createId(), card: readCard() } })) === undefined) return
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
          <option value="note">New note</option>
          <SourceOptions documents={ready} quizzes={data?.quizzes.nodes ?? []} />
        </select>
      </label>
      {documentId === null ? null : (
        <label>
          Which part
          <select value={sectionKey} onChange={({ target }) => setSectionKey(target.value)}>
            <option value="">Whole document</option>
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
          placeholder="Write a note"
          value={note}
          onChange={({ target }) => setNote(target.value)}
        />
      ) : null}
      <button type="submit" disabled={isSending || (source === 'note' && note.trim() === '')}>
        Add
      </button>
      <p className="note">Replies may quote it to all participants.</p>
      <Refusal text={refusal} />
    </form>
  )
}
