/**
 * Returns the address of an invitation. The token is in the fragment, which browsers send neither to
 * servers nor as a referrer, so it is in no log.
 */
export function invitationLink(origin: string, token: string): string {
  return `${origin}/?page=sessions#join=${token}`
}

/** Reads the token of an invitation from the fragment of an address; null without one. */
export function readInvitation(fragment: string): string | null {
  return new URLSearchParams(fragment.replace(/^#/, '')).get('join')
}
