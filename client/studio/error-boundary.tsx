import { Component, type ReactNode } from 'react'

/**
 * What is shown instead of a part of the page that failed. React wants a class for this.
 *
 * The likeliest reason is a server that was updated while the page was open: parts that are loaded late have other names by
 * then, and loading the page again is what helps.
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
