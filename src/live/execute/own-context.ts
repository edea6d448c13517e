const ownContext = Symbol('tidings.context')

/**
 * Returns the context of a team's resolvers, in which the context of Tidings is kept apart: no name of the one hides a name of the
 * other. A copy of it by a spread keeps both.
 */
export function withOwnContext(context: object, own: object): object {
  return { ...context, [ownContext]: own }
}

/** Returns the context of Tidings in the context of an operation; the context itself when it is the one of Tidings. */
export function ownContextOf<T extends object>(context: unknown): T {
  return ((context as { readonly [ownContext]?: T } | null | undefined)?.[ownContext] ?? context ?? {}) as T
}
