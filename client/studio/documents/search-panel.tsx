import { type FormEvent, type ReactElement, useId, useState } from 'react'
import { useQuery } from 'urql'
import { DocumentSearchDocument, type DocumentSearchQuery } from '../../gql/graphql.ts'
import { describeError } from '../../react/index.ts'
import { useRoute } from '../shell/use-route.ts'
import { hrefOfSection, sectionId } from './places.ts'

/** Searches the texts of all documents that the viewer may read. */
export function SearchPanel(): ReactElement {
  const id = useId()
  const [text, setTyped] = useState('')
  const [query, setQuery] = useState('')
  const [{ data, fetching, error }] = useQuery({
    query: DocumentSearchDocument,
    variables: { query },
    pause: query === '',
    requestPolicy: 'network-only',
  })
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    setQuery(text.trim())
  }
  const matches = query === '' ? null : (data?.searchDocuments ?? null)
  return (
    <search className="document-search">
      <form onSubmit={submit}>
        <label htmlFor={id} className="tidings-hidden">
          Search in your documents
        </label>
        <input
          id={id}
          type="search"
          placeholder="Search in your documents"
          value={text}
          onChange={(event) => {
            setTyped(event.target.value)
            if (event.target.value === '') setQuery('')
          }}
        />
        <button type="submit">Search</button>
      </form>
      <p className="note" role="status">
        {describeError(error)}
        {query !== '' && fetching ? 'Searching …' : null}
        {matches !== null && !fetching ? describeCount(matches.length) : null}
      </p>
      {matches === null || matches.length === 0 ? null : (
        <ol className="matches">
          {matches.map((match) => (
            <Match key={`${match.document.id} ${match.sectionKey} ${match.snippet[0]?.text}`} match={match} />
          ))}
        </ol>
      )}
    </search>
  )
}

function describeCount(count: number): string {
  if (count === 0) return 'No results.'
  return count === 1 ? '1 result.' : `${count === 20 ? 'Top 20' : count} results.`
}

function Match({ match }: { readonly match: DocumentSearchQuery['searchDocuments'][number] }): ReactElement {
  const { document, sectionKey, section, page, snippet } = match
  const { go } = useRoute()
  return (
    <li>
      <a
        href={hrefOfSection(document.id, sectionKey)}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
          event.preventDefault()
          go({ documentId: document.id })
          // The document page scrolls there as soon as the section is rendered.
          window.history.replaceState(null, '', `#${sectionId(sectionKey)}`)
        }}
      >
        {document.title}
        {section === null || section.heading === document.title ? '' : ` › ${section.heading}`}
      </a>
      {page === null ? null : <span className="note"> Page {page}</span>}
      <p>
        {snippet.map(({ text, isMatch }, index) =>
          // biome-ignore lint/suspicious/noArrayIndexKey: parts of one text, which never move
          isMatch ? <mark key={index}>{text}</mark> : <span key={index}>{text}</span>,
        )}
      </p>
    </li>
  )
}
