import { Component, type ReactNode } from 'react'

/**
 * Replaces a part of the page that failed to render. React requires a class for this.
 *
 * The most likely reason is a server that was updated while the page was open: the lazily loaded
 * chunks then have other names, and reloading the page helps.
 */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, { readonly message: string | null }> {
  override state: { readonly message: string | null } = { message: null }

  static getDerivedStateFromError(error: unknown): { readonly message: string } {
    return { message: error instanceof Error ? error.message : String(error) }
  }

  override render(): ReactNode {
    const { message } = this.state
    if (message === null) return this.props.children
    return (
      <div className="page-note" role="alert">
        <p>This part of the page could not be shown: {message}</p>
        <button type="button" className="primary" onClick={() => window.location.reload()}>
          Load the page again
        </button>
      </div>
    )
  }
}
