import { hrefOf } from '../use-route.ts'

/** The id that a section has in the page. */
export function sectionId(key: string): string {
  return `s-${key}`
}

/** The address of a section of a document. */
export function hrefOfSection(documentId: string, key: string): string {
  return `${hrefOf({ documentId })}#${encodeURIComponent(sectionId(key))}`
}

/** Goes to the section that the address names, if it is there. @returns whether it was */
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
    // Written by hand, or cut off on its way.
    return fragment
  }
}
