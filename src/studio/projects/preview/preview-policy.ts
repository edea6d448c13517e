import { hostInUrl } from '../../../server/index.ts'
import type { StudioConfig } from '../../config.ts'

/** The headers that isolate the scripts of a preview. */
interface PreviewHeaders {
  readonly [name: string]: string
}

const features = 'accelerometer camera display-capture geolocation gyroscope microphone midi payment usb'.split(' ')

/**
 * Returns the origins that may show a preview in a frame: the origin of the Studio. Without
 * `STUDIO_URL` that is this server under every name that this machine has for it.
 */
export function readFramers(
  { STUDIO_URL, HOST }: Pick<StudioConfig, 'STUDIO_URL' | 'HOST'>,
  port: number,
): readonly string[] {
  if (STUDIO_URL !== undefined) return [new URL(STUDIO_URL).origin]
  return [...new Set([hostInUrl(HOST), 'localhost', '127.0.0.1'])].map((name) => `http://${name}:${port}`)
}

/**
 * Creates the headers of every response of the preview server.
 *
 * - `sandbox` without `allow-same-origin`: scripts run in an opaque origin, without access to
 *   cookies, storage or tokens, even when the address is opened outside the Studio. No pop-ups, no
 *   navigation of the embedding page.
 * - A preview can load, and connect to, its own files only. `form-action 'none'` lets scripts
 *   handle forms but sends none.
 * - Only the Studio may embed it in a frame.
 *
 * @param base - the address of this preview, with a trailing slash
 * @param isPage - whether the response is a page; no other document, such as an SVG, runs scripts
 */
export function writePreviewHeaders(base: string, framers: readonly string[], isPage: boolean): PreviewHeaders {
  return {
    'content-security-policy': [
      'sandbox allow-scripts allow-forms',
      "default-src 'none'",
      isPage ? `script-src 'unsafe-inline' ${base}` : "script-src 'none'",
      `style-src 'unsafe-inline' ${base}`,
      `img-src ${base} data: blob:`,
      `media-src ${base} data: blob:`,
      `font-src ${base} data:`,
      `connect-src ${base}`,
      "frame-src 'none'",
      "worker-src 'none'",
      "base-uri 'none'",
      "form-action 'none'",
      `frame-ancestors ${framers.join(' ')}`,
    ].join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    'x-robots-tag': 'noindex',
    'origin-agent-cluster': '?1',
    'permissions-policy': features.map((name) => `${name}=()`).join(', '),
    // Modules and fetches of a sandboxed page come from the origin "null"; knowledge of the address
    // itself is the permission.
    'access-control-allow-origin': '*',
  }
}
