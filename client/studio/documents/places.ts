import { hrefOf } from '../shell/use-route.ts'

/** Returns the element id of a section. */
export function sectionId(key: string): string {
  return `s-${key}`
}

/** Returns the address of a section of a document. */
export function hrefOfSection(documentId: string, key: string): string {
  return `${hrefOf({ documentId })}#${encodeURIComponent(sectionId(key))}`
}

/** Scrolls to the section in the address, if it exists. @returns whether it does */
export function goToNamedSection(): boolean {
  const { hash } = window.location
  if (hash === '') return true
  const target = document.getElementById(decode(hash.slice(1)))
  target?.scrollIntoView()
  return target !== null
}

function decode(fragment: string): string {
  try {
    return decodeURIComponent(fragment)
  } catch {
    // A malformed fragment: typed by hand, or truncated.
    return fragment
  }
}
