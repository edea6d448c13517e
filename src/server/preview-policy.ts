import type { Config } from '../config.ts'
import { hostInUrl } from './listen.ts'

/** The headers that keep what a preview runs apart from everything else. */
export interface PreviewHeaders {
  readonly [name: string]: string
}

const features = 'accelerometer camera display-capture geolocation gyroscope microphone midi payment usb'.split(' ')

/**
 * The origins whose pages may show a preview in a frame: that of the Studio. Without `STUDIO_URL` it is this server by every name
 * that this machine has for it.
 */
export function readFramers(
  { STUDIO_URL, HOST }: Pick<Config, 'STUDIO_URL' | 'HOST'>,
  port: number,
): readonly string[] {
  if (STUDIO_URL !== undefined) return [new URL(STUDIO_URL).origin]
  return [...new Set([hostInUrl(HOST), 'localhost', '127.0.0.1'])].map((name) => `http://${name}:${port}`)
}

/**
 * The headers of every answer of the preview server.
 *
 * - `sandbox` without `allow-same-origin`: whatever runs has an origin that equals no other, so no cookie, no storage and no
 *   token of anybody; also when the address is opened outside the Studio. No pop-ups, no way to move the page around it.
 * - It loads, and talks to, nothing but its own files. `form-action 'none'` lets scripts handle forms and sends none.
 * - Only the Studio may frame it.
 *
 * @param base - the address of this preview, with a slash at the end
 */
export function writePreviewHeaders(base: string, framers: readonly string[]): PreviewHeaders {
  return {
    'content-security-policy': [
      'sandbox allow-scripts allow-forms',
      "default-src 'none'",
      `script-src 'unsafe-inline' ${base}`,
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
    // Modules and fetches of a sandboxed page come from the origin "null"; the address itself is the leave to read.
    'access-control-allow-origin': '*',
  }
}
